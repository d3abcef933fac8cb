import type { Round } from './judge.ts';

/** The ids of all nodes, sorted; and where a node's host is, if it may be asked to probe another one: ready, and heard in time. */
export interface Ring {
  readonly ids: readonly string[];
  readonly able: (id: string) => string | undefined;
}

/** More would tell hardly more, and each costs a question. */
const mostHelpers = 3;

/**
 * Nodes that help to find out whether a host lives: those that follow it in the order of ids, so that the work is spread
 * evenly, each on another host. `not`: addresses of hosts that are no help, the suspect's own and the manager's, which
 * probes itself. Looks at no more nodes than it takes to find them.
 *
 * One that did not say what it found in one of the newest `rounds` about the suspect is passed over: whoever is busy or
 * dead itself must not hold up the verdict as long as others can be asked.
 */
export function pickHelpers(
  suspectId: string,
  ring: Ring,
  not: ReadonlySet<string>,
  rounds: readonly Round[],
): string[] {
  const unsaid = rounds.flatMap(({ probes }) => probes.filter(({ answer }) => answer === 'unknown'));
  const mute = new Set(unsaid.map(({ by }) => by));
  const others = nextOnRing(suspectId, ring, not, mute);
  return others.length > 0 || mute.size === 0 ? others : nextOnRing(suspectId, ring, not, new Set());
}

function nextOnRing(
  suspectId: string,
  ring: Ring,
  not: ReadonlySet<string>,
  mute: ReadonlySet<string>,
): string[] {
  const { ids, able } = ring;
  const start = indexIn(ids, suspectId);
  const taken = new Set(not);
  const helpers: string[] = [];
  for (let step = 0; step < ids.length && helpers.length < mostHelpers; step++) {
    const id = ids[(start + step) % ids.length];
    if (id === undefined || id === suspectId || mute.has(id)) continue;
    const address = able(id);
    if (address === undefined || taken.has(address)) continue;
    taken.add(address);
    helpers.push(id);
  }
  return helpers;
}

/** Where this id is among these, or would be. */
function indexIn(ids: readonly string[], id: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle] ?? '') < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
