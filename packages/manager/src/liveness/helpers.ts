import type { Round } from './judge.ts';

/** More would tell hardly more, and each costs a question. */
const mostHelpers = 3;

/**
 * Nodes that help to find out whether a host lives: those that follow it in the order of ids, so that the work is spread
 * evenly, each on another host. `not`: addresses of hosts that are no help, the suspect's own and the manager's, which
 * probes itself.
 *
 * One that did not say what it found in one of the newest `rounds` about the suspect is passed over: whoever is busy or
 * dead itself must not hold up the verdict as long as others can be asked.
 *
 * `ring`: the ids of all nodes, sorted. `addressOf`: of a node that can help (it is connected, ready, and heard in time).
 */
export function pickHelpers(
  suspectId: string,
  ring: readonly string[],
  addressOf: (id: string) => string | undefined,
  not: ReadonlySet<string>,
  rounds: readonly Round[],
): string[] {
  const unsaid = rounds.flatMap(({ probes }) => probes.filter(({ answer }) => answer === 'unknown'));
  if (unsaid.length === 0) return nextOnRing(suspectId, ring, addressOf, not);
  const mute = new Set(unsaid.map(({ by }) => by));
  const others = nextOnRing(suspectId, ring, (id) => (mute.has(id) ? undefined : addressOf(id)), not);
  return others.length > 0 ? others : nextOnRing(suspectId, ring, addressOf, not);
}

function nextOnRing(
  suspectId: string,
  ring: readonly string[],
  addressOf: (id: string) => string | undefined,
  not: ReadonlySet<string>,
): string[] {
  const start = placeIn(ring, suspectId);
  const taken = new Set(not);
  const helpers: string[] = [];
  for (let step = 0; step < ring.length && helpers.length < mostHelpers; step++) {
    const id = ring[(start + step) % ring.length];
    const address = id === undefined || id === suspectId ? undefined : addressOf(id);
    if (id === undefined || address === undefined || taken.has(address)) continue;
    taken.add(address);
    helpers.push(id);
  }
  return helpers;
}

/** Where `id` is among these, or would be. */
function placeIn(sorted: readonly string[], id: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
