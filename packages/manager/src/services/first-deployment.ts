import { isoTime } from '../effects.ts';
import { restartRules, type Service, stateOf, type Task, type Wait, waitOf } from '../model/index.ts';
import type { Draft, SlotTasks } from './draft.ts';
import { endedAt, endedByItself, isDropped, isRunning } from './presence.ts';
import { failuresInRow, restartAfter } from './restart.ts';
import { dueIn, failureOf, isHalted, isUpdating, overdueIn } from './update/index.ts';

/** So many tasks of a slot in a row, and for so long: what a service needs may itself only be starting. */
const mostFailures = 5;
const leastMs = 2 * 60_000;

/** A service that never worked, of which the first deployment, or an update that should mend it, came to nothing. */
export const isGivenUp = (service: Service): boolean =>
  service.shoal.firstDeployment !== undefined &&
  (service.shoal.firstDeployment.stopped === true || isHalted(service));

/**
 * Notes that a service has proved itself, or stops its first deployment where that does not get on: its `UpdateStatus` then
 * says why, and what ended gets no successors. To be called before slots are filled.
 */
export function judgeFirstDeployment(draft: Draft): Wait[] {
  const { service, snapshot } = draft;
  const { firstDeployment } = service.shoal;
  if (!firstDeployment) return [];
  const provedAt = Math.min(...draft.tasks.map((task) => provesAt(draft, task)));
  if (provedAt <= snapshot.now) {
    draft.service = proved(service);
    return [];
  }
  const waits = Number.isFinite(provedAt)
    ? [waitOf('service', service.ID, 'its first task to prove itself', provedAt)]
    : [];
  if (isGivenUp(service) || isUpdating(service)) return waits;
  const slots = draft.keys.map((key) => draft.tasksIn(key));
  for (const slotTasks of slots) {
    const why = faultIn(draft, slotTasks, firstDeployment.since);
    if (why === undefined) continue;
    draft.service = stopped(service, firstDeployment.since, why);
    return waits;
  }
  const dues = slots.flatMap((slotTasks) => dueIn(draft, slotTasks)?.at ?? []);
  return dues.length === 0
    ? waits
    : [...waits, waitOf('service', service.ID, 'its first task to run', Math.min(...dues))];
}

/** When the task has run for Monitor, if it goes on; Infinity where it does not run. */
function provesAt({ rules }: Draft, task: Task): number {
  const { shoal, Spec } = task;
  const isComplete = stateOf(task) === 'complete' && restartRules(Spec.RestartPolicy).condition !== 'any';
  if (isComplete) return Number.NEGATIVE_INFINITY;
  const at = (shoal.runningSince ?? Number.POSITIVE_INFINITY) + rules.monitorMs;
  return isRunning(task) || endedAt(task) >= at ? at : Number.POSITIVE_INFINITY;
}

function proved(service: Service): Service {
  const { firstDeployment, ...shoal } = service.shoal;
  if (!firstDeployment?.stopped) return { ...service, shoal };
  // It took long, but runs.
  const { UpdateStatus: _, ...rest } = service;
  return { ...rest, shoal };
}

/** Why there is no use to go on in this slot; undefined where there may be. */
function faultIn(draft: Draft, slotTasks: SlotTasks, since: number): string | undefined {
  const overdue = overdueIn(draft, slotTasks);
  if (overdue) return overdue.why;
  const head = slotTasks.tasks.find((task) => !isDropped(task));
  if (!head || !endedByItself(head)) return undefined;
  const policy = head.Spec.RestartPolicy;
  const isExhausted =
    restartRules(policy).maxAttempts > 0 &&
    !restartAfter(head, slotTasks.tasks, policy, draft.snapshot.now, since);
  const failures = failuresInRow(head);
  if (!isExhausted && (failures < mostFailures || endedAt(head) < since + leastMs)) return undefined;
  const last = isExhausted ? 'and its restart policy allows no more attempts' : `${failures} in a row`;
  return `failure or early termination of task ${failureOf(head)} (${last})`;
}

const stopped = (service: Service, since: number, why: string): Service => ({
  ...service,
  UpdateStatus: {
    State: 'paused',
    StartedAt: isoTime(since),
    Message: `first deployment stopped due to ${why}; it is tried again when the service is updated`,
  },
  shoal: { ...service.shoal, firstDeployment: { since, stopped: true } },
});
