import type { Round } from './judge.ts';

/** A node that may be asked to probe another one: connected, ready, and heard in time. */
export interface Helper {
  readonly id: string;
  readonly address: string;
}

/** More would tell hardly more, and each costs a question. */
const mostHelpers = 3;

/**
 * Nodes that help to find out whether a host lives: those that follow it in the order of ids, so that the work is spread
 * evenly, each on another host. `not`: addresses of hosts that are no help, the suspect's own and the manager's, which
 * probes itself. `able` are sorted by their ids.
 *
 * One that did not say what it found in one of the newest `rounds` about the suspect is passed over: whoever is busy or
 * dead itself must not hold up the verdict as long as others can be asked.
 */
export function pickHelpers(
  suspectId: string,
  able: readonly Helper[],
  not: ReadonlySet<string>,
  rounds: readonly Round[],
): string[] {
  const unsaid = rounds.flatMap(({ probes }) => probes.filter(({ answer }) => answer === 'unknown'));
  const mute = new Set(unsaid.map(({ by }) => by));
  const others = nextOnRing(suspectId, able, not, mute);
  return others.length > 0 || mute.size === 0 ? others : nextOnRing(suspectId, able, not, new Set());
}

function nextOnRing(
  suspectId: string,
  able: readonly Helper[],
  not: ReadonlySet<string>,
  mute: ReadonlySet<string>,
): string[] {
  const start = indexIn(able, suspectId);
  const taken = new Set(not);
  const helpers: string[] = [];
  for (let step = 0; step < able.length && helpers.length < mostHelpers; step++) {
    const helper = able[(start + step) % able.length];
    if (!helper || helper.id === suspectId || taken.has(helper.address) || mute.has(helper.id)) continue;
    taken.add(helper.address);
    helpers.push(helper.id);
  }
  return helpers;
}

/** Where the one with this id is among these, or would be. */
function indexIn(able: readonly Helper[], id: string): number {
  let [low, high] = [0, able.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((able[middle]?.id ?? '') < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
