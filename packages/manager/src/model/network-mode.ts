import { portKey } from '@shoal/proto/rules';
import type { PortConfig } from './common.ts';
import { networkLabel } from './labels.ts';
import type { ServiceSpec } from './service.ts';

/** Networks that every Docker daemon has by itself, as Docker lists them. Their ids are the same everywhere. */
export const predefinedNetworks = (['bridge', 'host', 'none'] as const).map((name) => ({
  name,
  id: name.padEnd(25, '0'),
  driver: name === 'none' ? 'null' : name,
}));

/** The network that published ports travel on. Its id is fixed, so that a spec alone tells a task's networks. */
export const ingressId = 'ingress'.padEnd(25, '0');
export const ingressName = 'ingress';

const attachmentsOf = ({ TaskTemplate, Networks }: ServiceSpec) => TaskTemplate?.Networks ?? Networks ?? [];

/** Whether a port is answered on every host. */
export const isIngressPort = ({ PublishMode }: { PublishMode?: string | null }): boolean =>
  (PublishMode ?? 'ingress') === 'ingress';

export const hasIngressPorts = ({ EndpointSpec }: ServiceSpec): boolean =>
  (EndpointSpec?.Ports ?? []).some(isIngressPort);

/** Ids of the networks that tasks made from this spec join; the ingress network, if any, is the last. */
export function networksOf(spec: ServiceSpec): string[] {
  if (networkModeOf(spec) !== undefined) return [];
  const named = attachmentsOf(spec).map(({ Target }) => Target ?? '');
  return hasIngressPorts(spec) ? [...named, ingressId] : named;
}

/** What tasks made from this spec have instead of networks; undefined when they have networks, or no wish. */
export function networkModeOf(spec: ServiceSpec): string | undefined {
  const companion = spec.Labels?.[networkLabel];
  if (companion !== undefined) return companion;
  const targets = attachmentsOf(spec).map(({ Target }) => Target);
  return predefinedNetworks.find(({ id }) => targets.includes(id))?.name;
}

/** A published port as `tcp/8080`: what can be held only once on a host, or in the cluster. */
export const publishedKey = ({ Protocol, PublishedPort }: PortConfig): string =>
  portKey(Protocol, PublishedPort ?? 0);
