import { portKey } from '@shoal/proto/rules';
import {
  hostnameOf,
  isDown,
  isIngressPort,
  type Listener,
  listenerAt,
  listenerText,
  type Node,
  type PortConfig,
  publishedKey,
  type Service,
} from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { rpcError } from '../http/index.ts';

/*
 * Published ports that something on a host listens on: whoever asks for one is refused; where the listener came later, it
 * keeps its port on that host, and this says so.
 */

/** Hosts named in one message, at most. */
const mostNamed = 5;

/**
 * Throws ApiError 400 when the service would get a port, answered by every host, that a host listens on. What it has
 * (`previous`) it may keep, and its own containers are not in its way.
 */
export function refusePortsInUse(
  view: Pick<ReadView, 'nodes' | 'services'>,
  serviceId: string,
  ports: readonly PortConfig[],
  previous: readonly PortConfig[],
): void {
  const had = new Set(previous.filter(isIngressPort).map(publishedKey));
  for (const port of ports) {
    if (!isIngressPort(port) || had.has(publishedKey(port))) continue;
    const hosts = [...view.nodes.all()]
      .filter((node) => !isDown(node))
      .flatMap((node) => {
        const listener = listenerAt(node, port.Protocol ?? 'tcp', port.PublishedPort ?? 0);
        return listener && listener.serviceId !== serviceId ? [{ node, listener }] : [];
      });
    if (hosts.length === 0) continue;
    const named = hosts
      .sort((a, b) => (hostnameOf(a.node) < hostnameOf(b.node) ? -1 : 1))
      .slice(0, mostNamed)
      .map(({ node, listener }) => `on ${hostnameOf(node)} by ${who(view, listener)}`);
    const more = hosts.length - named.length;
    throw rpcError(
      'InvalidArgument',
      `port '${port.PublishedPort}' (${port.Protocol ?? 'tcp'}) is already in use ${named.join(', ')}` +
        `${more > 0 ? `, and on ${more} more hosts` : ''}: publish another port, or end what listens there`,
    );
  }
}

/** Who answers which port on every host, by `tcp/80`. */
export type Published = ReadonlyMap<string, { readonly service: Service; readonly port: PortConfig }>;

export const publishedPorts = (services: Iterable<Service>): Published =>
  new Map(
    [...services].flatMap((service) =>
      (service.shoal.ports ?? [])
        .filter(isIngressPort)
        .map((port) => [publishedKey(port), { service, port }] as const),
    ),
  );

/** A port that a host does not answer for its service, since something else listens there. */
export interface Unserved {
  readonly service: Service;
  readonly port: PortConfig;
  readonly node: Node;
  readonly listener: Listener;
}

/** By the same rule as the host's agent, of what it told last. Of a host that is down nothing is known. */
export const unservedOn = (published: Published, node: Node): Unserved[] =>
  // One that is disconnected still serves.
  (isDown(node) ? [] : (node.reported.listeners ?? [])).flatMap((listener) => {
    const found = published.get(portKey(listener.protocol, listener.port));
    return found ? [{ ...found, node, listener }] : [];
  });

export const unservedPorts = (published: Published, nodes: Iterable<Node>): Unserved[] =>
  published.size === 0 ? [] : [...nodes].flatMap((node) => unservedOn(published, node));

/** For people who look at the host. */
export const unservedHere = (
  view: Pick<ReadView, 'services'>,
  { service, port, listener }: Unserved,
): string =>
  `port ${port.PublishedPort}/${port.Protocol ?? 'tcp'} of service ${service.Spec.Name} is not served by this host: ` +
  `${who(view, listener)} listens on it`;

/** For people who look at the service. */
export const unservedThere = (view: Pick<ReadView, 'services'>, { port, node, listener }: Unserved): string =>
  `port ${port.PublishedPort}/${port.Protocol ?? 'tcp'} is not served by host ${hostnameOf(node)}: ` +
  `${who(view, listener)} listens on it`;

function who({ services }: Pick<ReadView, 'services'>, listener: Listener): string {
  const service = listener.serviceId === undefined ? undefined : services.get(listener.serviceId);
  return service ? `${listenerText(listener)} of service ${service.Spec.Name}` : listenerText(listener);
}
