import { isDeepStrictEqual } from 'node:util';
import type { NetworkState } from './state.ts';

/**
 * The state with the objects of an earlier one wherever they say the same. Everything else then finds what did
 * not change by looking at the object, not into it.
 */
export function reuse(before: NetworkState | undefined, state: NetworkState): NetworkState {
  if (!before) return state;
  return {
    self: kept(before.self, state.self),
    peers: keptMap(before.peers, state.peers),
    networks: keptMap(before.networks, state.networks),
    services: keptMap(before.services, state.services),
  };
}

const kept = <T>(before: T | undefined, now: T): T =>
  before !== undefined && (before === now || isDeepStrictEqual(before, now)) ? before : now;

function keptMap<T>(before: ReadonlyMap<string, T>, now: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  if (before === now) return before;
  let same = before.size === now.size;
  const result = new Map<string, T>();
  for (const [id, value] of now) {
    const known = before.get(id);
    const one = kept(known, value);
    if (one !== known) same = false;
    result.set(id, one);
  }
  return same ? before : result;
}
