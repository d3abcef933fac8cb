/** A node that may be asked to probe another one: connected, ready, and heard in time. */
export interface Helper {
  readonly id: string;
  readonly address: string;
}

/** More would not be wiser, and each costs a question. */
const mostHelpers = 3;

/**
 * Who helps to find out whether a host lives: the next ones after it in the order of ids, so that the work is
 * spread evenly, each on a host of its own. Hosts at the addresses `not` can't tell more than is known already:
 * the suspect's own, and the manager's, which looks for itself.
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
