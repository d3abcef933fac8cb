import { isRefused, type Task, type TaskSpec } from '../model/index.ts';
import { type RestartRules, restartRules } from './policy.ts';
import { endedAt } from './standing.ts';

/** Docker's own rule for containers: the delay grows up to a minute, and is forgotten after 10 s of running. */
const longestBackOffMs = 60_000;
const quickMs = 10_000;
/** What grows when the user asked for no delay at all. */
const smallestBackOffMs = 500;

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
 *
 * The delay is the policy's. When tasks end quickly (less than 10 s after they began to run, or without ever
 * running) again and again, it doubles each time up to one minute, or stays where the policy asks for more.
 * Where MaxAttempts bounds the restarts anyway, it never grows, so that MaxAttempts and Window mean what they
 * say.
 */
export function restartAfter(
  head: Task,
  kin: readonly Task[],
  policy: TaskSpec['RestartPolicy'],
  now: number,
): Restart | undefined {
  const rules = restartRules(policy);
  if (rules.condition === 'none') return undefined;
  if (rules.condition === 'on-failure' && head.Status.State === 'complete') return undefined;
  if (rules.maxAttempts > 0 && attempts(head, kin, rules) >= rules.maxAttempts) return undefined;
  const failures = isQuick(head) ? (head.shoal.failures ?? 0) + 1 : 1;
  const delay = delayMs(rules, failures);
  const { refusals } = head.shoal;
  const counts = { failures, ...(isRefused(head) && refusals !== undefined && { refusals }) };
  if (head.Status.State !== 'rejected') return { startAfter: now + delay, ...counts };
  const due = endedAt(head) + delay;
  return { startAfter: Math.max(due, now), createAfter: due, ...counts };
}

/** Restarts that count, seen from the moment `head` ended: so the answer does not change with time. */
function attempts(head: Task, kin: readonly Task[], { windowMs }: RestartRules): number {
  const since = windowMs > 0 ? endedAt(head) - windowMs : Number.NEGATIVE_INFINITY;
  return kin.filter(({ shoal, CreatedAt }) => shoal.startAfter !== undefined && Date.parse(CreatedAt) > since)
    .length;
}

const isQuick = (task: Task): boolean =>
  task.shoal.runningSince === undefined || endedAt(task) - task.shoal.runningSince < quickMs;

function delayMs({ delayMs: base, maxAttempts }: RestartRules, failures: number): number {
  if (failures <= 1 || maxAttempts > 0) return base;
  const grown = Math.max(base, smallestBackOffMs) * 2 ** (failures - 1);
  return Math.min(grown, Math.max(base, longestBackOffMs));
}
