import { isQuickEnd, mayRestart, restartDelayMs } from '@shoal/proto/rules';
import { isRefused, restartRules, stateOf, type Task, type TaskSpec } from '../model/index.ts';
import { endedAt } from './standing.ts';

export interface Restart {
  /** Milliseconds since the epoch. */
  readonly startAfter: number;
  /** Not even made before: what was rejected would be again, at once, each time it is prepared. */
  readonly createAfter?: number;
  /** Quick ends in a row, the present one included. */
  readonly failures: number;
  /** Stays as long as hosts refuse the tasks: so all of them are tried at once but one time. */
  readonly refusals?: number;
}

/**
 * Whether, and from when on, a task that ended by itself gets a successor. `kin` are the tasks of the same
 * place and version, `head` the newest of them that was not dropped. Undefined: the place stays empty.
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

/** When those were made that took the place of one that ended. */
const attempts = (kin: readonly Task[]): number[] =>
  kin.flatMap(({ shoal, CreatedAt }) => (shoal.startAfter === undefined ? [] : Date.parse(CreatedAt)));

const isQuick = (task: Task): boolean =>
  isQuickEnd(task.shoal.runningSince === undefined ? undefined : endedAt(task) - task.shoal.runningSince);
