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
 * slot and version, `head` the newest of them that was not dropped. What was before `since` (ms since the epoch) does not count.
 * Undefined: the slot stays empty.
 */
export function restartAfter(
  head: Task,
  kin: readonly Task[],
  policy: TaskSpec['RestartPolicy'],
  now: number,
  since = 0,
): Restart | undefined {
  const rules = restartRules(policy);
  const ended = { complete: stateOf(head) === 'complete', at: endedAt(head) };
  const counted = attempts(kin).filter((at) => at >= since);
  if (!mayRestart(rules, ended, counted)) return undefined;
  const failures = ended.at < since ? 1 : failuresInRow(head);
  const delay = restartDelayMs(rules, failures);
  const { refusals } = head.shoal;
  const counts = { failures, ...(isRefused(head) && refusals !== undefined && { refusals }) };
  if (stateOf(head) !== 'rejected') return { startAfter: now + delay, ...counts };
  const due = endedAt(head) + delay;
  return { startAfter: Math.max(due, now), createAfter: due, ...counts };
}

/**
 * When the successor of a task may start that its host is about to stop for its health (ms since the epoch): beside it and
 * without the usual delay, which is for what fails again and again. Undefined: once it has ended, as the policy says.
 */
export function startBeside(task: Task, now: number): number | undefined {
  const { observed, shoal, Spec } = task;
  const policy = Spec.RestartPolicy;
  if (!observed?.unhealthy || stateOf(task) !== 'running') return undefined;
  const ranMs = Date.parse(observed.unfitSince ?? observed.at) - (shoal.runningSince ?? now);
  if (isQuickEnd(ranMs)) return undefined;
  const { condition, maxAttempts, delayMs } = restartRules(policy);
  if (condition === 'none' || maxAttempts > 0) return undefined;
  return policy?.Delay == null ? now : now + delayMs;
}

/** How many tasks of its slot ended quickly one after the other, up to this one that ended by itself. */
export const failuresInRow = (head: Task): number => (isQuick(head) ? (head.shoal.failures ?? 0) + 1 : 1);

/** When the successors of ended tasks were made. */
const attempts = (kin: readonly Task[]): number[] =>
  kin.flatMap(({ shoal, CreatedAt }) => (shoal.startAfter === undefined ? [] : Date.parse(CreatedAt)));

const isQuick = (task: Task): boolean =>
  isQuickEnd(task.shoal.runningSince === undefined ? undefined : endedAt(task) - task.shoal.runningSince);
