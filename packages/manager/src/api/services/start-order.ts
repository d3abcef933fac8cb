import {
  affinityLabel,
  companionOf,
  dependenciesOf,
  dependsOnLabel,
  neighboursOf,
  networkLabel,
  type ServiceSpec,
} from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { badRequest } from '../http/index.ts';
import { isVisible } from '../objects/index.ts';

/**
 * Throws 400 when the service would wait, by way of others or not, for itself: by what it depends on, whose network its tasks share,
 * or beside whose tasks they have to be. `spec.Name` must be filled in.
 */
export function refuseCircle(view: ReadView, spec: ServiceSpec): void {
  const circle = circleFrom(spec.Name ?? '', (name) =>
    (name === spec.Name ? awaitedBy(spec) : awaitedByService(view, name)).map((awaited) => awaited.name),
  );
  if (!circle) return;
  const steps = circle.slice(1).map((name, i) => `${circle[i]} waits for ${name}`);
  const label = awaitedBy(spec).find(({ name }) => name === circle[1])?.label;
  throw badRequest(`Labels["${label}"]: ${steps.join(', ')}: none of them would ever start`);
}

interface Awaited {
  /** Of a service. */
  readonly name: string;
  /** By which it is waited for. */
  readonly label: string;
}

function awaitedBy({ Labels }: ServiceSpec): Awaited[] {
  const companion = companionOf(Labels?.[networkLabel]);
  return [
    ...dependenciesOf(Labels).map(({ service }) => ({ name: service, label: dependsOnLabel })),
    ...(companion === undefined ? [] : [{ name: companion, label: networkLabel }]),
    ...neighboursOf(Labels, affinityLabel).map(({ service }) => ({ name: service, label: affinityLabel })),
  ];
}

const awaitedByService = (view: ReadView, name: string): Awaited[] =>
  view.services
    .by('name', name)
    .filter(isVisible)
    .flatMap(({ Spec }) => awaitedBy(Spec));

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
