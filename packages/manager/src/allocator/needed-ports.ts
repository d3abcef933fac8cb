import { betweenHostsPorts, portKey } from '@shoal/proto/rules';
import { type PortConfig, publishedKey, type Service } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';

/** Ports that Shoal itself needs, by `publishedKey`, and what for. */
export type NeededPorts = ReadonlyMap<string, string>;

/** Shoal itself needs the port: published, it would lead to the service instead. */
export class NeededPortError extends Error {
  override readonly name = 'NeededPortError';
  constructor(port: PortConfig, what: string) {
    super(
      `EndpointSpec.Ports: port ${port.PublishedPort}/${port.Protocol ?? 'tcp'} can not be published, since Shoal needs it for ${what}: choose another one`,
    );
  }
}

/** Needed on every host, as far as the manager has to know: what else a host needs, its agent spares. */
export const portsNeededEverywhere = (view: Pick<ReadView, 'clusters'>): NeededPorts =>
  new Map([
    ...betweenHostsPorts,
    ...[...view.clusters.all()].flatMap(({ managerPorts = [] }) =>
      managerPorts.map(({ port, what }) => [portKey('tcp', port), what] as const),
    ),
  ]);

/** All ports that Shoal itself needs on some host, so that no service may publish them. */
export function neededPorts(view: Pick<ReadView, 'clusters' | 'nodes'>): NeededPorts {
  const needed = new Map(portsNeededEverywhere(view));
  for (const { reported } of view.nodes.all()) {
    const { description, probePort } = reported;
    if (!probePort) continue;
    const key = portKey('tcp', probePort);
    if (!needed.has(key)) needed.set(key, `probes of host ${description.Hostname}`);
  }
  return needed;
}

/** Services that publish what Shoal needs: from an older version, or before the manager got other ports. In words. */
export const neededPortConflicts = (view: Pick<ReadView, 'clusters' | 'nodes' | 'services'>): string[] => {
  const needed = neededPorts(view);
  return [...view.services.all()].flatMap((service) =>
    unservedOf(service, needed).map((says) => `service ${service.Spec.Name}: ${says}`),
  );
};

/** Ports of one service that are not served since Shoal needs them. In words. */
export const unservedOf = ({ shoal }: Service, needed: NeededPorts): string[] =>
  (shoal.ports ?? []).flatMap((port) => {
    const what = neededFor(port, needed);
    return what
      ? [`published port ${publishedKey(port)} is not served, since Shoal needs it for ${what}`]
      : [];
  });

/** What the port is needed for; undefined if it is free for services. */
export const neededFor = (port: PortConfig, needed: NeededPorts): string | undefined =>
  port.PublishedPort ? needed.get(publishedKey(port)) : undefined;
