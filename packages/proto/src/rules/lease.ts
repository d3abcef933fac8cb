/*
 * How long a host that the manager does not hear may go on running what must not run twice (shoal.isolation=stop). Both
 * sides count by clocks of their own, from the same beat: the host from when it sent it, the manager from when it heard it.
 */

/** How often an agent beats. */
export const beatMs = 500;
/** A lease runs for so long from the sending of a beat that the manager answered. */
export const leaseMs = 10_000;
/** After it, a task that needs a lease has so long for a graceful stop; then it is killed. */
export const leaseGraceMs = 3_000;
/** After so much silence of an agent that may live, its lease has ended and its tasks are dead: another copy may start. */
export const replaceMs = 15_000;

// The difference is what a kill may take.
if (leaseMs + leaseGraceMs >= replaceMs)
  throw new Error(
    `a lease (${leaseMs} + ${leaseGraceMs} ms) must end before a replacement starts (${replaceMs} ms)`,
  );
