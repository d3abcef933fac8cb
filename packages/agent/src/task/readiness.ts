import type { ReadyCheck } from '@shoal/proto';
import { compareStates } from '@shoal/proto/rules';
import { type Container, isActive, type Question } from './container.ts';
import { alive, type Status, statusOf } from './status.ts';

/*
 * Whether a task gets traffic (`shoal.ready.*`), apart from whether it lives: one that is not ready leaves load balancers and
 * names, and is not stopped. It counts as running once it was ready for the first time, so that updates wait for that.
 */

/** What is known of it in one life of a container. Times in ms since the epoch. */
export interface Readiness {
  /** Which life: the daemon's text of when it began. */
  readonly startedAt: string;
  readonly ready: boolean;
  /** Tries in a row that did not pass. */
  readonly failures: number;
  readonly nextAt: number;
  /** Why the last try did not pass; empty before the first, and when it did. */
  readonly why: string;
}

/** Soon, as most need less than a second. */
const firstPauseMs = 250;

/** A task that already gets traffic when it is first asked, since its service asks only now, goes on until it fails. */
export function readinessOf(
  known: Readiness | undefined,
  { startedAt }: Container,
  { state, err }: Status,
): Readiness {
  if (known?.startedAt === startedAt) return known;
  return { startedAt, ready: state === 'running' && err === '', failures: 0, nextAt: 0, why: '' };
}

/** After a try from `from` to `to`; `why` it did not pass, or empty. One that takes long is not run for more than half of the time. */
export function tried(
  before: Readiness,
  check: ReadyCheck,
  { from, to, why }: { from: number; to: number; why: string },
): Readiness {
  const failures = why === '' ? 0 : before.failures + 1;
  const ready = why === '' || (before.ready && failures < check.failures);
  const pause = ready ? check.intervalMs : Math.min(check.intervalMs, firstPauseMs * 2 ** (failures - 1));
  return { ...before, ready, failures, why, nextAt: from + Math.max(pause, 2 * (to - from)) };
}

/** As in Kubernetes, redirections are good answers. */
export const readyQuestion = ({ port, path, command, timeoutMs }: ReadyCheck): Question => ({
  port,
  path,
  command,
  timeoutMs,
  highestStatus: 399,
});

/** The status of a task whose container runs and is healthy. `before`: what was said last. */
export function runningStatus(
  container: Container,
  check: ReadyCheck | undefined,
  known: Readiness | undefined,
  before: Status,
): Status {
  const { ready, why } = readinessOf(known, container, before);
  if (!check || ready || !isActive(container)) return statusOf('running', alive(container));
  const isFirst = compareStates(before.state, 'running') < 0;
  const err = why ? `task: not ready (${why})` : isFirst ? '' : 'task: not ready';
  return statusOf(isFirst ? 'starting' : 'running', { ...alive(container), err });
}
