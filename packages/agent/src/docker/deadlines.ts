/** Longest waits for the daemon, by what it has to do. */
export const quickMs = 15_000;
export const slowMs = 90_000;
/** For the end of a log, while the manager waits to hear that a task failed. */
export const logMs = 2_000;
/** On top of the grace period, for the kill and its aftermath. */
export const killMs = 20_000;

/** For a call of dockerode's that can be aborted. */
export const within = (ms: number) => ({ abortSignal: AbortSignal.timeout(ms) });
