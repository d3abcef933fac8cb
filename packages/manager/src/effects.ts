/** What makes a pure decision repeatable: the shell passes these in, tests pass their own. */

/** Milliseconds since the epoch. */
export type Clock = () => number;
/** Uniform in [0, 1). */
export type Random = () => number;
/** A fresh id, never given before. */
export type Ids = () => string;

/** Docker writes times in RFC 3339. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();

/**
 * The time of day as it was when the process started, and on from there by a clock that never jumps: setting the
 * host's clock delays nothing and hastens nothing.
 */
export const steadyTime: Clock = () => Math.floor(performance.timeOrigin + performance.now());
