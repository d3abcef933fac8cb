import { isQuickEnd, mayRestart, restartDelayMs } from '@shoal/proto/rules';
import { isRefused, restartRules, stateOf, type Task, type TaskSpec } from '../model/index.ts';
import { endedAt } from './presence.ts';

export interface Restart {
  /** Milliseconds since the epoch. */
  readonly startAfter: number;
  /** The successor is not even made before: a task that was rejected would be rejected again each time it is prepared. */
  readonly createAfter?: number;
  /** Quick ends in a row, the present one included. */
  readonly failures: number;
  /** Kept as long as hosts refuse the tasks, so that all hosts are tried at once only one time. */
  readonly refusals?: number;
}

/**
 * Whether, and from when on, a task that ended by itself gets a successor. `kin` are the tasks of the same
 * slot and version, `head` the newest of them that was not dropped. Undefined: the slot stays empty.
 */
export function restartAfter(
  head: Task,
  kin: readonly Task[],
  policy: TaskSpec['RestartPolicy'],
  now: number,
): Restart | undefined {
  const rules = restartRules(policy);
  const ended = { complete: stateOf(head) === 'complete', at: endedAt(head) };
  if (!mayRestart(rules, ended, attempts(kin))) return undefined;
  const failures = isQuick(head) ? (head.shoal.failures ?? 0) + 1 : 1;
  const delay = restartDelayMs(rules, failures);
  const { refusals } = head.shoal;
  const counts = { failures, ...(isRefused(head) && refusals !== undefined && { refusals }) };
  if (stateOf(head) !== 'rejected') return { startAfter: now + delay, ...counts };
  const due = endedAt(head) + delay;
  return { startAfter: Math.max(due, now), createAfter: due, ...counts };
}

/** When the successors of ended tasks were made. */
const attempts = (kin: readonly Task[]): number[] =>
  kin.flatMap(({ shoal, CreatedAt }) => (shoal.startAfter === undefined ? [] : Date.parse(CreatedAt)));

const isQuick = (task: Task): boolean =>
  isQuickEnd(task.shoal.runningSince === undefined ? undefined : endedAt(task) - task.shoal.runningSince);
