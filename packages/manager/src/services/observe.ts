import {
  compareStates,
  isDown,
  isReady,
  isWanted,
  type StopReason,
  slotKey,
  stateOf,
  stateSince,
  type Task,
} from '../model/index.ts';
import type { Draft } from './draft.ts';
import { confirmedAt, isRunning, isUnassigned, presenceOf, whyMustLeave } from './presence.ts';
import { type Refusals, refusalsOf, triesNextHost } from './refusal.ts';

/** Takes note of what happened to the tasks: which run, which ended, which are out of reach, which came back. */
export function observe(draft: Draft): void {
  const refusals = refusalsOf(draft.snapshot);
  for (const task of draft.tasks) observeTask(draft, task, refusals);
}

function observeTask(draft: Draft, task: Task, refusals: Refusals): void {
  if (task.DesiredState === 'remove') {
    draft.discard(task);
    return;
  }
  const presence = presenceOf(task, draft.snapshot.nodes);
  if (!isWanted(task)) {
    if (isUnassigned(task)) draft.remove(task);
    else if (task.shoal.orphaned && isOverThere(draft, task)) draft.put(withoutReturn(task));
    else if (task.shoal.orphaned && presence === 'leaving') cameBack(draft, task);
    return;
  }
  if (presence === 'ended') draft.put(over(draft, task, refusals));
  else if (presence === 'orphaned') orphan(draft, withStart(task));
  else if (withStart(task) !== task) draft.put(withStart(task));
}

function over(draft: Draft, task: Task, refusals: Refusals): Task {
  const reason = notItsOwn(draft, task, refusals);
  const shoal = reason ? { ...task.shoal, stopReason: reason } : task.shoal;
  return { ...task, DesiredState: 'shutdown', shoal };
}

/**
 * Why an end is no failure of the service: a move came to nothing, and the task that should have moved still runs; its
 * host stopped it for want of contact; or its host refused it, and another one is tried.
 */
function notItsOwn({ snapshot }: Draft, task: Task, refusals: Refusals): StopReason | undefined {
  if (task.shoal.moves !== undefined && task.shoal.runningSince === undefined) return 'move-failed';
  if (task.observed?.cutOff) return 'no-contact';
  return triesNextHost(snapshot, task, refusals) ? 'next-host' : undefined;
}

/** It must run only once, and it has stopped, or its agent can be told to stop it while only its daemon is dead. */
function isOverThere(draft: Draft, task: Task): boolean {
  const node = draft.snapshot.nodes.get(task.NodeID ?? '');
  const heard = node !== undefined && isDown(node) && node.judged.leases === undefined;
  return task.shoal.isolated === true && (heard || presenceOf(task, draft.snapshot.nodes) === 'orphaned');
}

/** What comes back with its node is to be stopped. */
function withoutReturn({ shoal: { orphaned: _, ...shoal }, ...task }: Task): Task {
  return { ...task, shoal };
}

function orphan(draft: Draft, task: Task): void {
  const node = draft.snapshot.nodes.get(task.NodeID ?? '');
  // A task that shares another's network can't outlive that one, about which another decision is made.
  // An agent that is heard, and only its daemon is dead, is told to stop what must run only once.
  const heard = task.shoal.isolated && node?.judged.leases === undefined;
  const mayReturn = node !== undefined && isRunning(task) && task.shoal.companion === undefined && !heard;
  const orphaned = mayReturn ? { ...task, shoal: { ...task.shoal, orphaned: true as const } } : task;
  draft.stop(orphaned, node ? 'node-down' : 'node-gone');
}

/** Its node is heard again: it stops if its slot is taken, else it goes on, and what was to replace it ends. */
function cameBack(draft: Draft, task: Task): void {
  if (!isReady(draft.snapshot.nodes.get(task.NodeID ?? ''))) return;
  const { orphaned: _, ...shoal } = task.shoal;
  if (isSlotTaken(draft, task)) {
    draft.put({ ...task, shoal });
    return;
  }
  const { stopReason: _reason, ...internals } = shoal;
  draft.put({
    ...task,
    DesiredState: 'running',
    shoal: { ...internals, returnedAt: draft.snapshot.now },
  });
}

/** A task that itself came back only now may turn out to be dead: it does not count yet. */
function isSlotTaken(draft: Draft, task: Task): boolean {
  const alone = draft.rules.order === 'stop-first';
  return draft
    .tasksIn(slotKey(task))
    .live.some(
      (other) =>
        !whyMustLeave(other, draft.snapshot.nodes) &&
        draft.snapshot.now >= (confirmedAt(other) ?? 0) &&
        ((isRunning(other) && !other.observed?.err) ||
          (alone && compareStates(stateOf(other), 'starting') >= 0)),
    );
}

/** What its agent observed last forgets when the task began to run as soon as it ends, so that is kept apart. */
function withStart(task: Task): Task {
  if (!isRunning(task) || task.shoal.runningSince !== undefined) return task;
  return { ...task, shoal: { ...task.shoal, runningSince: Date.parse(stateSince(task)) } };
}
