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
 * probes itself.
 */
export function pickHelpers(
  suspectId: string,
  candidates: readonly Helper[],
  not: ReadonlySet<string>,
): string[] {
  const ring = candidates.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const after = ring.findIndex(({ id }) => id > suspectId);
  const order = after < 0 ? ring : [...ring.slice(after), ...ring.slice(0, after)];
  const taken = new Set(not);
  const helpers: string[] = [];
  for (const { id, address } of order) {
    if (helpers.length === mostHelpers) break;
    if (id === suspectId || taken.has(address)) continue;
    taken.add(address);
    helpers.push(id);
  }
  return helpers;
}
