import type { CanaryCheck } from '@shoal/proto';
import type { Container, Question } from './container.ts';
import type { Status } from './status.ts';

/*
 * How the first tasks of an update by canary answer (`shoal.canary.check`): their hosts ask them again and again, and say
 * only what the answers come to.
 */

/** Of one life of a container. Times in ms since the epoch. */
export interface CanaryAnswers {
  /** Which life: the daemon's text of when it began. */
  readonly startedAt: string;
  /** The latest, at most `mostAnswers`: whether they were bad. */
  readonly bad: readonly boolean[];
  /** What was wrong with the last bad one. */
  readonly why: string;
  /** There were too many bad ones: it is asked no more. */
  readonly failed: boolean;
  readonly nextAt: number;
}

const pauseMs = 500;
/** Before there are so many, nothing is said but that too many of even so many are bad. */
const fewestAnswers = 20;
const mostAnswers = 200;

export const answersOf = (known: CanaryAnswers | undefined, { startedAt }: Container): CanaryAnswers =>
  known?.startedAt === startedAt ? known : { startedAt, bad: [], why: '', failed: false, nextAt: 0 };

export const canaryQuestion = ({ port, path, slowMs }: CanaryCheck): Question => ({
  port,
  path,
  command: [],
  timeoutMs: slowMs,
  highestStatus: 499,
});

/** After an answer that was asked for from `from` to `to`; `why` it was bad, or empty. */
export function answered(
  before: CanaryAnswers,
  { maxBadPercent }: CanaryCheck,
  { from, to, why }: { from: number; to: number; why: string },
): CanaryAnswers {
  const bad = [...before.bad, why !== ''].slice(-mostAnswers);
  const share = countBad(bad) / Math.max(bad.length, fewestAnswers);
  const failed = share * 100 > maxBadPercent;
  const nextAt = failed ? Number.POSITIVE_INFINITY : from + Math.max(pauseMs, 2 * (to - from));
  return { ...before, bad, why: why || before.why, failed, nextAt };
}

const countBad = (bad: readonly boolean[]): number => bad.filter(Boolean).length;

/** What the answers say of a task that runs; one that failed gets no traffic any more. */
export function withVerdict(status: Status, check: CanaryCheck | undefined, answers: CanaryAnswers): Status {
  if (!check || status.state !== 'running') return status;
  const { bad, why, failed } = answers;
  if (failed) {
    const err = `task: canary check failed (${countBad(bad)} of ${bad.length} answers were bad, the last: ${why})`;
    return { ...status, err, canary: 'failed' };
  }
  return bad.length >= fewestAnswers ? { ...status, canary: 'passed' } : status;
}
