import { dependenciesOf, dependsOnLabel, type ServiceSpec } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { badRequest } from '../http/index.ts';
import { isVisible } from '../objects/index.ts';

/** Throws 400 when the service would wait, by way of others or not, for itself. `spec.Name` must be filled in. */
export function refuseCircle(view: ReadView, spec: ServiceSpec): void {
  const circle = circleFrom(spec.Name ?? '', (name) =>
    name === spec.Name ? dependencyNames(spec) : serviceDependencies(view, name),
  );
  if (!circle) return;
  const steps = circle.slice(1).map((name, i) => `${circle[i]} waits for ${name}`);
  throw badRequest(`Labels["${dependsOnLabel}"]: ${steps.join(', ')}: none of them would ever start`);
}

const dependencyNames = ({ Labels }: ServiceSpec): string[] =>
  dependenciesOf(Labels).map(({ service }) => service);

const serviceDependencies = (view: ReadView, name: string): string[] =>
  view.services
    .by('name', name)
    .filter(isVisible)
    .flatMap(({ Spec }) => dependencyNames(Spec));

/** A way from `start` back to it, with it at both ends; undefined where there is none. Looks at each name once. */
export function circleFrom(
  start: string,
  dependencies: (name: string) => readonly string[],
): readonly string[] | undefined {
  const seen = new Set<string>();
  const ways: (readonly string[])[] = [[start]];
  for (let way = ways.shift(); way; way = ways.shift()) {
    for (const name of dependencies(way.at(-1) ?? '')) {
      if (name === start) return [...way, name];
      if (seen.has(name)) continue;
      seen.add(name);
      ways.push([...way, name]);
    }
  }
  return undefined;
}
