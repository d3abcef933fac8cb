import { portKey } from '@shoal/proto/rules';
import type { NetworkState, ServiceEndpoints } from './state.ts';

type PublishedPort = ServiceEndpoints['published'][number];

const keyOf = ({ protocol, published }: PublishedPort): string => portKey(protocol, published);

/** Published ports that something on this host listens on, sorted, as `tcp/22`. */
export const heldPorts = ({ services }: NetworkState, held: ReadonlySet<string>): string[] =>
  [...services.values()]
    .flatMap(({ published }) => published.map(keyOf))
    .filter((key) => held.has(key))
    .sort();

/**
 * The manager's state less the published ports that something on this host listens on (`tcp/22`): here they stay with
 * their owner, also when the manager does not know yet, or is away. Everything else keeps its objects.
 */
export function withoutHeldPorts(state: NetworkState, held: ReadonlySet<string>): NetworkState {
  const isHeld = (port: PublishedPort) => held.has(keyOf(port));
  const changed = [...state.services.values()]
    .filter(({ published }) => held.size > 0 && published.some(isHeld))
    .map((service): [string, ServiceEndpoints] => [
      service.id,
      { ...service, published: service.published.filter((port) => !isHeld(port)) },
    ]);
  return changed.length === 0 ? state : { ...state, services: new Map([...state.services, ...changed]) };
}
