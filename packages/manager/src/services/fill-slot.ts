import {
  compareStates,
  pendingReasonsOf,
  type StopReason,
  stateOf,
  type Task,
  type Wait,
  waitOf,
  wantsIsolation,
} from '../model/index.ts';
import { contestable, isEligible } from '../scheduler/index.ts';
import { canTakePlaceOf, someNodeCouldRun } from './capacity.ts';
import type { Draft, SlotTasks } from './draft.ts';
import { isGivenUp } from './first-deployment.ts';
import { currentTarget, newTask, notNow, type Origin, type Slot, type Target } from './new-task.ts';
import {
  confirmedAt,
  endedByItself,
  furthestFirst,
  isDropped,
  isRunning,
  isUnassigned,
  isUnplaceable,
  whyMustLeave,
} from './presence.ts';
import { startBeside } from './restart.ts';
import { start, startsAfterStop } from './start.ts';
import { successorOf } from './successor.ts';
import { isUpdating, targetOf, taskToReplace } from './update/index.ts';
import { onlyNode } from './volumes.ts';

/** A task that must leave its node keeps serving while its successor starts, but not longer than this. */
const longestHandoverMs = 30_000;
/** A task that could stay is not worth waiting longer than this for its successor to run. */
const longestMoveMs = 10 * 60_000;

/** The slot that is being filled, and the version it should have. */
interface Context {
  readonly draft: Draft;
  readonly slot: Slot;
  readonly target: Target;
}

/**
 * Brings one slot to exactly one live task of its target version: makes one where there is none, stops what
 * is too much, and starts what was only being prepared once its time has come. `picked`: the rolling update
 * has reached this slot, so it changes to the current version now. Returns what has to wait.
 */
export function fillSlot(draft: Draft, slot: Slot, picked: boolean): Wait[] {
  const before = draft.tasksIn(slot.key);
  const target = picked ? currentTarget(draft.service) : fittingTarget(draft, slot, before);
  const context: Context = { draft, slot, target };
  const waits: Wait[] = [];
  const [kept, ...others] = before.live.filter((task) => isGood(context, task)).sort(furthestFirst);
  for (const task of others) {
    const needed = kept && whileNeeded(draft, task, kept);
    if (kept && needed) waits.push(...handOver(context, kept, task), needed);
    // Kept as history, its container would go on filling the disk that was too full.
    else if (kept?.shoal.moves === task.ID && freesDisk(kept)) draft.discard(task);
    else draft.stop(task, whyTooMuch(context, task, kept));
  }
  const leaving = before.live.filter((task) => isLeavingByItself(context, task));
  waits.push(
    ...leaving.map(({ ID, observed }) => waitOf('task', ID, `task ${ID} to stop: ${observed?.err}`)),
  );
  const next = kept
    ? { task: kept }
    : slot.creatable
      ? nextIn(context, before, picked)
      : { wait: notNow(draft, slot) };
  const going = before.live.filter((task) => !isGood(context, task) && !leaving.includes(task));
  const serving = lastServing(context, going);
  for (const task of going) {
    const wait = next?.task
      ? beforeStop(context, task, next.task)
      : untilSucceeded(context, task, next?.wait);
    if (!wait || (serving && task !== serving))
      draft.stop(task, whyMustLeave(task, draft.snapshot.nodes) ?? 'replaced');
    else waits.push(wait, ...asList(unconfirmedReturn(draft, task)));
  }
  if (next?.wait) waits.push(next.wait);
  if (next?.task) waits.push(...asList(start(draft, slot.key, next.task)));
  return waits;
}

/** Of those that have to go, one is enough to serve until the successor does: the newest version that runs. */
const lastServing = ({ draft, target }: Context, going: readonly Task[]): Task | undefined =>
  going
    .filter((task) => isRunning(task) && !unconfirmedReturn(draft, task))
    .sort((a, b) => rank(b, target) - rank(a, target))[0];

const rank = ({ shoal }: Task, target: Target): number => Number(shoal.specVersion === target.version);

/** Starts `next` beside `kept`; or, if it must not run beside it, stops `kept` for it once that costs the least. */
function handOver({ draft, slot }: Context, kept: Task, next: Task): Wait[] {
  // Both services have to be ready at the same time, which only the rebalancer sees.
  if (next.shoal.exchange) return [];
  const isPrepared = next.shoal.moves === kept.ID && compareStates(stateOf(next), 'ready') >= 0;
  if (!startsAfterStop(draft, next)) return asList(start(draft, slot.key, next));
  if (isPrepared && isWhole(draft)) draft.stop(kept, 'rebalanced');
  return [];
}

/** A task runs in every slot. */
const isWhole = (draft: Draft): boolean =>
  draft.keys.every((key) => draft.tasksIn(key).live.some((task) => isRunning(task) && !task.observed?.err));

/**
 * What `next` is kept for beside `kept`, which serves meanwhile, and until when at most; undefined when it is not needed
 * (any more).
 */
function whileNeeded(draft: Draft, next: Task, kept: Task): Wait | undefined {
  if (!isRunning(kept)) return undefined;
  const { rules, service, snapshot } = draft;
  const alone = rules.order === 'stop-first';
  // Both came back: it is not yet sure that the containers of the one that is kept survived.
  if (isRunning(next)) return alone ? undefined : unconfirmedReturn(draft, kept);
  if (next.shoal.moves !== kept.ID) {
    // What replaces a task that came back is not stopped before it is sure that the other one survived; but on the
    // same node it was only just placed, and their agent says soon whether it is needed.
    const isSpare = alone || isUnassigned(next) || next.NodeID === kept.NodeID;
    return isSpare ? undefined : unconfirmedReturn(draft, kept);
  }
  // A move is given up for an update, for want of room, and when it takes too long.
  const until = Date.parse(next.CreatedAt) + longestMoveMs;
  if (isUpdating(service) || isUnplaceable(next) || until <= snapshot.now) return undefined;
  return waitOf('task', kept.ID, `task ${next.ID} to take over`, until);
}

const freesDisk = ({ shoal: { relieves = [] } }: Task): boolean =>
  relieves.includes('disk') || relieves.includes('inodes');

function whyTooMuch({ draft }: Context, task: Task, kept: Task | undefined): StopReason {
  if (kept?.shoal.moves === task.ID) return kept.shoal.relieves ? 'node-pressure' : 'rebalanced';
  return task.shoal.moves === kept?.ID && !isUpdating(draft.service) ? 'move-failed' : 'surplus';
}

/** A node of a global service may meet only the current constraints: an older version can't stay there. */
function fittingTarget(draft: Draft, { nodeId }: Slot, slotTasks: SlotTasks): Target {
  const target = targetOf(slotTasks, draft.service);
  const node = nodeId === undefined ? undefined : draft.snapshot.nodes.get(nodeId);
  return node && !isEligible(node, target.spec.Placement) ? currentTarget(draft.service) : target;
}

const isGood = (context: Context, task: Task): boolean =>
  isOfTarget(context, task) && !isLeavingByItself(context, task);

const isOfTarget = ({ target, draft }: Context, task: Task): boolean =>
  task.shoal.specVersion === target.version && !whyMustLeave(task, draft.snapshot.nodes);

/** Its host stops it for its health, and a successor need not wait for that. In an update it counts as its failure instead. */
const isLeavingByItself = (context: Context, task: Task): boolean =>
  context.draft.rules.order === 'start-first' &&
  !isUpdating(context.draft.service) &&
  isOfTarget(context, task) &&
  startBeside(task, context.draft.snapshot.now) !== undefined;

/** Either the task that is to be in the slot, or what has to pass before there can be one. */
type Next = { readonly task: Task; readonly wait?: never } | { readonly wait: Wait; readonly task?: never };

/** Undefined when the restart policy leaves the slot empty. */
function nextIn(context: Context, slotTasks: SlotTasks, picked: boolean): Next | undefined {
  const { draft, slot, target } = context;
  if (picked) {
    const old = taskToReplace(slotTasks);
    return make(context, old ? { replaces: old.ID } : {});
  }
  const kin = slotTasks.tasks.filter(({ shoal }) => shoal.specVersion === target.version);
  const head = kin.find((task) => !isDropped(task));
  if (head && isLeavingByItself(context, head)) {
    const startAfter = startBeside(head, draft.snapshot.now) ?? 0;
    return make(context, startAfter > draft.snapshot.now ? { startAfter } : {});
  }
  if (head && endedByItself(head) && isGivenUp(draft.service)) {
    const why = `the next update: ${draft.service.UpdateStatus?.Message ?? ''}`;
    return { wait: waitOf('slot', slot.key, why) };
  }
  const { service, snapshot } = draft;
  const triedSince = service.shoal.firstDeployment?.since;
  const next = successorOf(kin, slot, target.spec.RestartPolicy, snapshot.now, triedSince);
  return next?.origin ? make(context, next.origin) : next;
}

function make({ draft, slot, target }: Context, origin: Origin): Next {
  const { snapshot, rules, service } = draft;
  const isolated = wantsIsolation(service.Spec.Labels) && { isolated: true as const };
  const stopFirst = rules.order === 'stop-first' && { stopFirst: true as const };
  const whole = { ...origin, ...isolated, ...stopFirst };
  return { task: draft.create(newTask(service.ID, slot, target, whole, snapshot.ids)) };
}

/** What has to pass before `old` makes room for `next`; undefined: nothing, it goes now. */
function beforeStop({ draft, slot, target }: Context, old: Task, next: Task): Wait | undefined {
  const { rules, snapshot } = draft;
  const { nodes, now } = snapshot;
  if (!isRunning(old)) return undefined;
  const stopFirst = startsAfterStop(draft, next);
  // Stop-first also waits until the new one is prepared: an image that can't be pulled stops nothing.
  if (compareStates(stateOf(next), stopFirst ? 'ready' : 'running') >= 0)
    return stopFirst ? undefined : unconfirmedReturn(draft, next);
  const takeOver = (until?: number) => waitOf('task', old.ID, `task ${next.ID} to take over`, until);
  if (whyMustLeave(old, nodes)) {
    const latest = Date.parse(next.CreatedAt) + longestHandoverMs;
    return isUnplaceable(next) || now >= latest ? undefined : takeOver(latest);
  }
  if (!isUnplaceable(next) || !lacksRoom(next)) return takeOver();
  const makesWay = stopFirst
    ? someNodeCouldRun(target, onlyNode(draft.service, slot, target, nodes), nodes)
    : !rules.orderIsExplicit && canTakePlaceOf(target, old, nodes);
  return makesWay ? undefined : takeOver();
}

/** Some of what it waits for may be there once another task has stopped. What else nodes lack, no stop of a task gives them. */
const lacksRoom = (task: Task): boolean =>
  pendingReasonsOf(task)?.some(({ filter }) => contestable.has(filter)) ?? false;

/** What an old task stays for where nothing takes over yet; undefined: it goes now, as it does where nothing ever will. */
const untilSucceeded = ({ draft }: Context, old: Task, wait: Wait | undefined): Wait | undefined =>
  // It has to leave its node anyway.
  wait && whyMustLeave(old, draft.snapshot.nodes) === undefined
    ? waitOf('task', old.ID, wait.why, wait.until)
    : undefined;

/** A task that came back with its node may not have survived; its agent soon says so. */
function unconfirmedReturn({ snapshot }: Draft, task: Task): Wait | undefined {
  const at = confirmedAt(task) ?? 0;
  return at > snapshot.now
    ? waitOf('task', task.ID, `word that task ${task.ID} came back with its node`, at)
    : undefined;
}

const asList = <T>(one: T | undefined): T[] => (one === undefined ? [] : [one]);
