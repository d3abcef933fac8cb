import { stateOf, stateSince, type Task, whyWaiting } from '../../model/index.ts';
import type { Draft, SlotTasks } from '../draft.ts';
import { endedByItself, isRunning, presenceOf } from '../presence.ts';
import { isCurrent, isFit, startOf } from './update-state.ts';

/** The new task of a slot, and when it has to run at the latest (ms since the epoch). */
export interface Due {
  readonly task: Task;
  readonly at: number;
}

/** Docker's default (moby/swarmkit api/defaults/service.go). */
const defaultGraceMs = 10_000;

/**
 * By when the slot has to run a task of the present version that may get traffic; undefined where it does, or nothing was begun
 * there. Counted are all its tries since the last that ran. What no node takes, or must wait for something else, is not late: that is
 * judged elsewhere.
 */
export function dueIn(draft: Draft, slotTasks: SlotTasks): Due | undefined {
  const { service, rules } = draft;
  const all = slotTasks.tasks.filter((task) => isCurrent(task, service));
  const [task] = all;
  if (!task || all.some((one) => slotTasks.live.includes(one) && isFit(one, service))) return undefined;
  const unfit = all.find((one) => slotTasks.live.includes(one) && isRunning(one));
  if (unfit) {
    const since = Date.parse(unfit.observed?.unfitSince ?? stateSince(unfit));
    return { task: unfit, at: Math.max(since, beginningOf(draft)) + rules.deadlineMs };
  }
  const isOpen = slotTasks.live.includes(task) ? whyWaiting(task) === undefined : isToTryAgain(task);
  if (!isOpen) return undefined;
  const ran = all.findIndex(({ shoal }) => shoal.runningSince !== undefined);
  const tries = ran < 0 ? all : all.slice(0, ran);
  // One that went with its node, or had to leave it, says nothing about the next.
  const oldest = tries.findLast((one) => one === task || endedByItself(one));
  if (!oldest) return undefined;
  // What it waited for before it had a node is no delay of its own.
  const begun = Math.max(Date.parse(oldest.placement?.at ?? oldest.CreatedAt), beginningOf(draft));
  return { task, at: begun + rules.deadlineMs + stopMs(draft, slotTasks) };
}

const isToTryAgain = (task: Task): boolean => endedByItself(task) && stateOf(task) !== 'complete';

/** Why the slot counts as failed, once its time is over. */
export function overdueIn(
  draft: Draft,
  slotTasks: SlotTasks,
): { readonly why: string; readonly taskId: string; readonly at: number } | undefined {
  const due = dueIn(draft, slotTasks);
  if (!due || due.at > draft.snapshot.now) return undefined;
  const { ID, observed } = due.task;
  const err = observed?.err ? `: ${observed.err}` : '';
  const seconds = draft.rules.deadlineMs / 1_000;
  const lacks = isRunning(due.task) ? 'was not fit for traffic' : 'did not run';
  return {
    why: `task ${ID}, which ${lacks} within ${seconds} s (shoal.progress-deadline) but is ${stateOf(due.task)}${err}`,
    taskId: ID,
    at: due.at,
  };
}

const beginningOf = ({ service }: Draft): number =>
  service.UpdateStatus ? startOf(service) : (service.shoal.firstDeployment?.since ?? 0);

/** What it starts after may take its grace period to stop. */
function stopMs({ snapshot: { nodes } }: Draft, { tasks }: SlotTasks): number {
  const stopping = tasks.filter((task) => presenceOf(task, nodes) === 'leaving');
  return Math.max(0, ...stopping.map(graceMs));
}

const graceMs = ({ Spec }: Task): number => {
  const grace = Spec.ContainerSpec?.StopGracePeriod;
  return grace == null ? defaultGraceMs : grace / 1e6;
};
