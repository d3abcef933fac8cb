import { affinityLabel, antiAffinityLabel, neighboursOf, type ServiceSpec } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { badRequest } from '../http/index.ts';
import { isVisible } from '../objects/index.ts';

const instead = {
  [affinityLabel]: 'leave it out',
  [antiAffinityLabel]: 'use --replicas-max-per-node, or a spread preference',
} as const;

/** Throws 400 where `shoal.affinity` and `shoal.anti-affinity` could only end in tasks that never get a node; but see `refuseCircle`. */
export function checkAffinities({ Name = '', Labels }: ServiceSpec): void {
  for (const label of [affinityLabel, antiAffinityLabel] as const) {
    if (neighboursOf(Labels, label).some(({ service }) => service === Name))
      throw badRequest(`Labels["${label}"]: names the service itself; ${instead[label]}`);
  }
  const apart = neighboursOf(Labels, antiAffinityLabel);
  const both = neighboursOf(Labels, affinityLabel).find((near) =>
    apart.some(({ service, per }) => service === near.service && (per === undefined || per === near.per)),
  );
  if (both) throw badRequest(`Labels["${antiAffinityLabel}"]: ${both.service} is in ${affinityLabel}, too`);
}

/** What a client is told of services that are not there yet: `docker stack deploy` makes them in no particular order. */
export const missingNeighbours = (view: ReadView, { Labels }: ServiceSpec): string[] =>
  neighboursOf(Labels, affinityLabel)
    .filter(({ service }) => !view.services.by('name', service).some(isVisible))
    .map(
      ({ service }) => `Labels["${affinityLabel}"]: there is no service ${service} yet; tasks wait for it`,
    );
