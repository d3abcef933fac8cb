import type { Check, Container } from './container.ts';

/*
 * The daemon waits a whole interval before a container's first probe, so one with a check would take half a minute to
 * count as running; a shorter interval for the start (StartInterval) is known from Docker 25 on, and only within a
 * start period. So this agent itself runs the check of a container that starts: at once, then often, until it passes or
 * the daemon has judged. Only a pass counts, as it does for the daemon: how often a check may fail, and from when on,
 * is the daemon's to say, and it goes on as it was told.
 */

/** What this agent found out in one life of a container. Times in ms since the epoch. */
export interface Probing {
  /** Which life: the daemon's text of when it began. */
  readonly startedAt: string;
  readonly tries: number;
  readonly passed: boolean;
  /** Infinity: the daemon is as quick. */
  readonly nextAt: number;
}

/** Where nobody says how often: soon, as most need less than a second, then as often as Docker 25 does. */
const firstPauseMs = 250;
const longestPauseMs = 5_000;

/** Its check has passed in the present life of the container, as this agent knows it. */
export const hasPassed = (probing: Probing | undefined, { startedAt }: Container): boolean =>
  probing?.startedAt === startedAt && probing.passed;

/** When to run the check of a container; undefined when it is not for this agent to do. */
export function probeAt(probing: Probing | undefined, container: Container): number | undefined {
  const { phase, health, check, startedAt } = container;
  if (phase !== 'running' || health !== 'starting' || !check) return undefined;
  if (probing?.startedAt !== startedAt) return 0;
  return probing.passed ? undefined : probing.nextAt;
}

/** After a try from `from` to `to`. One that takes long is not run for more than half of the time. */
export function tried(
  before: Probing | undefined,
  { startedAt }: Container,
  check: Check,
  { from, to, passed }: { from: number; to: number; passed: boolean },
): Probing {
  const tries = before?.startedAt === startedAt ? before.tries + 1 : 1;
  const pause = pauseMs(check, tries);
  const nextAt = pause < daemonMs(check) ? from + Math.max(pause, 2 * (to - from)) : Number.POSITIVE_INFINITY;
  return { startedAt, tries, passed, nextAt };
}

const pauseMs = ({ startIntervalMs }: Check, tries: number): number =>
  startIntervalMs || Math.min(firstPauseMs * 2 ** (tries - 1), longestPauseMs);

/** How often the daemon itself probes a container that starts. */
const daemonMs = ({ startIntervalMs, intervalMs, daemonStarts }: Check): number =>
  daemonStarts ? startIntervalMs : intervalMs;
