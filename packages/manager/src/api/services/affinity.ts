import { affinityLabel, antiAffinityLabel, neighboursOf, type ServiceSpec } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { badRequest } from '../http/index.ts';
import { isVisible } from '../objects/index.ts';

const instead = {
  [affinityLabel]: 'leave it out',
  [antiAffinityLabel]: 'use --replicas-max-per-node, or a spread preference',
} as const;

/** Throws 400 where `shoal.affinity` and `shoal.anti-affinity` could only end in tasks that never get a node. */
export function checkAffinities(view: ReadView, { Name = '', Labels }: ServiceSpec): void {
  for (const label of [affinityLabel, antiAffinityLabel] as const) {
    if (neighboursOf(Labels, label).some(({ service }) => service === Name))
      throw badRequest(`Labels["${label}"]: names the service itself; ${instead[label]}`);
  }
  const apart = neighboursOf(Labels, antiAffinityLabel);
  const both = neighboursOf(Labels, affinityLabel).find((near) =>
    apart.some(({ service, per }) => service === near.service && (per === undefined || per === near.per)),
  );
  if (both) throw badRequest(`Labels["${antiAffinityLabel}"]: ${both.service} is in ${affinityLabel}, too`);
  const cycle = cycleOf(view, Name ?? '', Labels);
  if (cycle)
    throw badRequest(`Labels["${affinityLabel}"]: each would wait for the next: ${cycle.join(' → ')}`);
}

/** Names from the service back to itself, each beside the next; undefined where there is no such way. */
function cycleOf(view: ReadView, name: string, labels: ServiceSpec['Labels']): string[] | undefined {
  const known = new Set<string>();
  const ways = neighboursOf(labels, affinityLabel).map(({ service }) => [name, service]);
  for (const way of ways) {
    const last = way.at(-1) ?? '';
    if (last === name) return way;
    if (known.has(last)) continue;
    known.add(last);
    const next = view.services.by('name', last).find(isVisible);
    for (const { service } of neighboursOf(next?.Spec.Labels, affinityLabel)) ways.push([...way, service]);
  }
  return undefined;
}

/** What a client is told of services that are not there yet: `docker stack deploy` makes them in no particular order. */
export const missingNeighbours = (view: ReadView, { Labels }: ServiceSpec): string[] =>
  neighboursOf(Labels, affinityLabel)
    .filter(({ service }) => !view.services.by('name', service).some(isVisible))
    .map(
      ({ service }) => `Labels["${affinityLabel}"]: there is no service ${service} yet; tasks wait for it`,
    );
