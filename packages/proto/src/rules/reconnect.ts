const firstMs = 100;
/** A manager that is back shall hear of all its hosts within a second or two; one try in vain costs next to nothing. */
const longestMs = 500;

/**
 * Milliseconds that an agent waits before it tries again to reach the manager, after `failures` in a row. Spread by `random`
 * (0…1), so that the agents of a manager that comes back don't all come at once. The manager's bound on handshakes of one
 * source is far above the pace of one host.
 */
export const backoffMs = (failures: number, random: number): number =>
  Math.min(firstMs * 2 ** Math.max(0, failures - 1), longestMs) * (0.5 + random / 2);

/** Connections in a row that an agent may open in one try: for the roots, for its certificate, and for its session. */
export const mostConnectionsOfTry = 3;
