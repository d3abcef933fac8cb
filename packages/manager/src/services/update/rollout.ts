import { isoTime } from '../../effects.ts';
import {
  canaryStepsOf,
  isTerminal,
  presentCanary,
  restartRules,
  type Service,
  stateOf,
  stateSince,
  type Task,
  type Wait,
  waitOf,
} from '../../model/index.ts';
import type { Draft, SlotTasks } from '../draft.ts';
import { notNow, type Slot } from '../new-task.ts';
import type { UpdateRules } from '../policy.ts';
import { endedAt, endedByItself, isRunning, isUnassigned, serves } from '../presence.ts';
import { canaryStage } from './canary.ts';
import { excusedSlots } from './excused-slots.ts';
import { overdueIn } from './progress.ts';
import {
  isCurrent,
  isFit,
  isHalted,
  isUpdating,
  needsUpdate,
  startOf,
  taskToReplace,
  underWayText,
  withReason,
} from './update-state.ts';

/**
 * The failure action, when too many slots failed: pauses, or goes back to the previous spec. To be called
 * before anything else is decided, since it may change the spec.
 */
export function applyFailureAction(draft: Draft): void {
  const { service } = draft;
  if (!isUpdating(service)) return;
  const { rules } = draft;
  if (rules.failureAction === 'continue') return;
  const all = draft.keys.map((key) => draft.tasksIn(key));
  // Of a canary, what counts is how many of those fail that have the new version so far.
  const isCanary = canaryStepsOf(service.Spec.Labels) !== undefined;
  const failed = all.flatMap((slotTasks) => faultIn(draft, slotTasks) ?? []);
  const affected = all.filter(
    (slotTasks) => (!isCanary && needsUpdate(slotTasks, service)) || ofUpdate(slotTasks, service).length > 0,
  );
  const [first] = failed.sort((a, b) => a.at - b.at || (a.taskId < b.taskId ? -1 : 1));
  if (!first || failed.length / affected.length <= rules.maxFailureRatio) return;
  endUpdate(draft, first);
}

/** Why a slot counts as failed, and since when (ms since the epoch). */
type SlotFault = Required<Fault> & { readonly at: number };

function faultIn(draft: Draft, slotTasks: SlotTasks): SlotFault | undefined {
  const failed = firstFailure(slotTasks, draft.service, draft.rules);
  if (!failed) return rejectedIn(draft, slotTasks) ?? overdueIn(draft, slotTasks);
  const why = `failure or early termination of task ${failureOf(failed)}`;
  return { why, taskId: failed.ID, at: endedAt(failed) };
}

/** A canary whose answers are bad. */
function rejectedIn({ service }: Draft, { live }: SlotTasks): SlotFault | undefined {
  const task = live.find((one) => isCurrent(one, service) && one.observed?.canary === 'failed');
  if (!task || !presentCanary(service)) return undefined;
  const { ID, observed } = task;
  const at = Date.parse(observed?.unfitSince ?? stateSince(task));
  return { why: `task ${ID}: ${observed?.err ?? ''}`, taskId: ID, at };
}

/** What an update ends for: `why` completes the sentence "update paused due to …". */
export interface Fault {
  readonly why: string;
  /** The task that failed. */
  readonly taskId?: string;
}

/** Takes the update back where that is asked for and possible, otherwise pauses it. */
export function endUpdate(draft: Draft, fault: Fault): void {
  const { service, rules } = draft;
  const back = rules.failureAction === 'rollback' ? previousOf(service) : undefined;
  if (back && hasWorked(draft, back)) draft.service = rolledBack(service, back, fault, draft.snapshot.now);
  else pauseUpdate(draft, fault);
}

/** Leaves the update, or the rollback, as it is until somebody changes the service again. */
export function pauseUpdate(draft: Draft, fault: Fault): void {
  for (const key of draft.keys) dropLate(draft, draft.tasksIn(key));
  draft.service = halted(draft.service, fault);
}

/** What is late, while the task before it serves still, must not go on by itself later. */
function dropLate(draft: Draft, slotTasks: SlotTasks): void {
  const late = overdueIn(draft, slotTasks);
  const task = slotTasks.live.find(({ ID }) => ID === late?.taskId);
  const isNeeded = slotTasks.live.every((one) => isCurrent(one, draft.service));
  if (task && !isRunning(task) && !isNeeded) draft.stop(task, 'surplus');
}

/** Going back to what never ran helps nobody. */
const hasWorked = ({ service, tasks }: Draft, { specVersion }: Previous): boolean =>
  service.shoal.firstDeployment === undefined ||
  tasks.some(
    (task) =>
      task.shoal.specVersion === specVersion &&
      (isRunning(task) || (task.shoal.runningSince !== undefined && task.shoal.stopReason === 'replaced')),
  );

/** Which task failed, why, and what it wrote last. */
export function failureOf({ ID, observed }: Task): string {
  const why = observed?.state === 'complete' ? 'it ended with exit code 0' : observed?.err;
  const wrote = observed?.lastLines && `its last words: ${observed.lastLines}`;
  const all = [why, wrote].filter(Boolean).join('; ');
  return all ? `${ID}: ${all}` : ID;
}

/** Starts an update when slots have an older version and nobody has started one: scaling alone never does. */
export function beginUpdate(draft: Draft, slots: readonly Slot[]): void {
  const { service } = draft;
  if (isUpdating(service) || isHalted(service)) return;
  if (!slots.some(({ key, creatable }) => creatable && needsUpdate(draft.tasksIn(key), service))) return;
  const UpdateStatus = {
    State: 'updating' as const,
    StartedAt: isoTime(draft.snapshot.now),
    Message: underWayText.update,
  };
  const { rollback: _, ...shoal } = service.shoal;
  draft.service = { ...service, UpdateStatus, shoal };
}

export interface Picks {
  /** Keys of the slots that change to the current version now. */
  readonly picked: ReadonlySet<string>;
  /** What the others wait for. */
  readonly waits: readonly Wait[];
}

/** Whose turn it is to change to the current version: broken slots before those that work. */
export function pickSlots(draft: Draft, slots: readonly Slot[]): Picks {
  const { service } = draft;
  const outdated = slots.filter(({ key }) => needsUpdate(draft.tasksIn(key), service));
  const toUpdate = isUpdating(service) ? outdated.filter(({ creatable }) => creatable) : [];
  // Replacing a task that no node ever took takes nothing away.
  const idle = toUpdate.filter(({ key }) => !taskToReplace(draft.tasksIn(key)));
  const rest = toUpdate.filter(({ key }) => taskToReplace(draft.tasksIn(key)));
  const turns = rest.length === 0 ? { free: 0 } : freeTurns(draft, slots);
  const works = ({ key }: Slot) => draft.tasksIn(key).live.some(serves);
  const ordered = [...rest.filter((slot) => !works(slot)), ...rest.filter(works)];
  const stage = canaryStage(draft, slots);
  const updated = slots.filter(({ creatable }) => creatable).length - toUpdate.length;
  const allowed = stage ? Math.max(0, stage.most - updated) : toUpdate.length;
  const due = [...idle, ...ordered.slice(0, turns.free)].slice(0, allowed);
  const picked = new Set(due.map(({ key }) => key));
  const others = outdated.filter(({ key }) => !picked.has(key));
  const next = allowed === 0 ? stage?.until : turns.next;
  return { picked, waits: others.map((slot) => waitForTurn(draft, slot, next)) };
}

/** What a slot waits for that has an older version. `next`: when the update can go on to one more slot, if that is known. */
function waitForTurn(draft: Draft, slot: Slot, next: number | undefined): Wait {
  if (!slot.creatable) return notNow(draft, slot);
  return isHalted(draft.service)
    ? waitOf('slot', slot.key, `the next update: ${draft.service.UpdateStatus?.Message ?? ''}`)
    : waitOf('slot', slot.key, 'its turn in the update', next);
}

interface Turns {
  readonly free: number;
  /** When the next one will be (ms since the epoch), if that is known. */
  readonly next?: number;
}

/** How many more slots may be in flight. A slot is so until its new task runs or ended, and Delay passed. */
function freeTurns(draft: Draft, slots: readonly Slot[]): Turns {
  const { rules, snapshot } = draft;
  const excused = excusedSlots(draft);
  const busy = slots
    .filter(({ key }) => !excused.has(key))
    .map((slot) => busyUntil(draft, slot))
    .filter((until) => until > snapshot.now);
  const next = Math.min(...busy);
  return { free: Math.max(0, rules.parallelism - busy.length), ...(Number.isFinite(next) && { next }) };
}

function busyUntil(draft: Draft, slot: Slot): number {
  const { service } = draft;
  const { delayMs } = draft.rules;
  const slotTasks = draft.tasksIn(slot.key);
  // Also a task made before the update was begun anew, for example by scaling meanwhile.
  const attempt = currentIn(slotTasks, service).find(({ shoal }) => shoal.replaces !== undefined);
  if (!attempt) return 0;
  const isDone = !slotTasks.live.includes(attempt) || serves(attempt) || isFit(attempt, service);
  const isUnfit = isRunning(attempt) && !isDone;
  if (attempt.shoal.runningSince !== undefined && !isUnfit) return attempt.shoal.runningSince + delayMs;
  if (endedByItself(attempt)) return endedAt(attempt) + delayMs;
  // What waits for a paused node may wait for ever, and nothing was given up for it yet.
  if (isUnassigned(attempt) && !slot.creatable) return 0;
  // A node that was down and returns starts anew.
  if (slot.nodeId !== undefined && !slotTasks.live.includes(attempt)) return 0;
  // The successor of an orphaned one in a slot is in flight as well, unless another task serves there after all.
  const served = slotTasks.live.some((task) => isCurrent(task, service) && serves(task));
  if (served) return 0;
  const overdue = overdueIn(draft, slotTasks);
  return overdue ? overdue.at + delayMs : Number.POSITIVE_INFINITY;
}

/** Up-to-date tasks that were made since the present update or rollback began, or ended after that; newest first. */
function ofUpdate(slotTasks: SlotTasks, service: Service): Task[] {
  const start = startOf(service);
  return currentIn(slotTasks, service).filter(
    (task) => Date.parse(task.CreatedAt) >= start || (isTerminal(stateOf(task)) && endedAt(task) > start),
  );
}

const currentIn = ({ tasks }: SlotTasks, service: Service): Task[] =>
  tasks.filter((task) => isCurrent(task, service));

/**
 * The oldest task of this update that failed before it had run for Monitor (a canary: at all). As in Docker an early exit with
 * code 0 is one too, but not where the restart policy says that tasks are meant to complete.
 */
export function firstFailure(
  slotTasks: SlotTasks,
  service: Service,
  { failsWithinMs }: UpdateRules,
): Task | undefined {
  return ofUpdate(slotTasks, service)
    .filter(endedByItself)
    .filter(isOwn)
    .filter(
      ({ observed, Spec }) =>
        observed?.state !== 'complete' || restartRules(Spec.RestartPolicy).condition === 'any',
    )
    .filter((task) => endedAt(task) - (task.shoal.runningSince ?? endedAt(task)) <= failsWithinMs)
    .at(-1);
}

/**
 * Its container was what its version says. Nobody knows when a container gets the limits that its task took on while it ran, so
 * one that ends soon may have had the old ones: what becomes of its successor counts.
 */
const isOwn = ({ shoal }: Task): boolean =>
  shoal.endedAs === undefined && shoal.resourcesBefore === undefined;

type Previous = Pick<Service, 'Spec'> & { readonly specVersion: number };

/** Undefined when going back would change nothing, or there is nothing to go back to. */
function previousOf({ PreviousSpec, shoal }: Service): Previous | undefined {
  const { previousSpecVersion, specVersion } = shoal;
  if (!PreviousSpec || previousSpecVersion === undefined || previousSpecVersion === specVersion)
    return undefined;
  return { Spec: PreviousSpec, specVersion: previousSpecVersion };
}

/**
 * Tasks of the previous version that are still there are up to date again, and stay. As in Swarm, StartedAt remains
 * that of the update.
 */
function rolledBack(
  service: Service,
  { Spec, specVersion }: Previous,
  { why, taskId }: Fault,
  now: number,
): Service {
  const { PreviousSpec: _spec, shoal, ...rest } = service;
  const { previousSpecVersion: _version, previousRegistryAuth, registryAuth: _auth, ...internals } = shoal;
  const Message = `update rolled back due to ${why}`;
  return {
    ...rest,
    Spec,
    UpdateStatus: { ...service.UpdateStatus, State: 'rollback_started', Message },
    shoal: {
      ...internals,
      specVersion,
      replacedIndex: service.Version.Index,
      rollback: { since: now, why: Message, ...(taskId !== undefined && { taskId }) },
      ...(previousRegistryAuth !== undefined && { registryAuth: previousRegistryAuth }),
    },
  };
}

function halted(service: Service, { why }: Fault): Service {
  if (service.UpdateStatus?.State !== 'rollback_started') {
    const Message = `update paused due to ${why}`;
    return { ...service, UpdateStatus: { ...service.UpdateStatus, State: 'paused', Message } };
  }
  const Message = withReason(`rollback paused due to ${why}`, service);
  return { ...service, UpdateStatus: { ...service.UpdateStatus, State: 'rollback_paused', Message } };
}
