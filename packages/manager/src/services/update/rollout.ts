import { isoTime } from '../../effects.ts';
import {
  isTerminal,
  restartRules,
  type Service,
  stateOf,
  type Task,
  type Wait,
  waitOf,
} from '../../model/index.ts';
import type { Draft, SlotTasks } from '../draft.ts';
import { notNow, type Slot } from '../new-task.ts';
import type { UpdateRules } from '../policy.ts';
import { endedAt, endedByItself, isRunning, isUnassigned } from '../presence.ts';
import { excusedSlots } from './excused-slots.ts';
import {
  isCurrent,
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
  const failed = all.flatMap((slotTasks) => firstFailure(slotTasks, service, rules) ?? []);
  const affected = all.filter(
    (slotTasks) => needsUpdate(slotTasks, service) || ofUpdate(slotTasks, service).length > 0,
  );
  const [first] = failed.sort((a, b) => endedAt(a) - endedAt(b) || (a.ID < b.ID ? -1 : 1));
  if (!first || failed.length / affected.length <= rules.maxFailureRatio) return;
  endUpdate(draft, { taskId: first.ID, why: `failure or early termination of task ${failureOf(first)}` });
}

/** What an update ends for: `why` completes the sentence "update paused due to …". */
interface Fault {
  readonly why: string;
  /** The task that failed. */
  readonly taskId?: string;
}

/** Takes the update back where that is asked for and possible, otherwise pauses it. */
export function endUpdate(draft: Draft, fault: Fault): void {
  const { service, rules } = draft;
  const back = rules.failureAction === 'rollback' ? previousOf(service) : undefined;
  draft.service = back ? rolledBack(service, back, fault, draft.snapshot.now) : halted(service, fault);
}

/** Which task failed, and why. */
function failureOf({ ID, observed }: Task): string {
  const why = observed?.state === 'complete' ? 'it ended with exit code 0' : observed?.err;
  return why ? `${ID}: ${why}` : ID;
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
  const works = ({ key }: Slot) => draft.tasksIn(key).live.some(isRunning);
  const ordered = [...rest.filter((slot) => !works(slot)), ...rest.filter(works)];
  const picked = new Set([...idle, ...ordered.slice(0, turns.free)].map(({ key }) => key));
  const others = outdated.filter(({ key }) => !picked.has(key));
  return { picked, waits: others.map((slot) => waitForTurn(draft, slot, turns.next)) };
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
  const { rules, service, snapshot } = draft;
  const excused = excusedSlots(draft);
  const busy = slots
    .filter(({ key }) => !excused.has(key))
    .map((slot) => busyUntil(draft.tasksIn(slot.key), slot, service, rules))
    .filter((until) => until > snapshot.now);
  const next = Math.min(...busy);
  return { free: Math.max(0, rules.parallelism - busy.length), ...(Number.isFinite(next) && { next }) };
}

function busyUntil(slotTasks: SlotTasks, slot: Slot, service: Service, { delayMs }: UpdateRules): number {
  // Also a task made before the update was begun anew, for example by scaling meanwhile.
  const attempt = currentIn(slotTasks, service).find(({ shoal }) => shoal.replaces !== undefined);
  if (!attempt) return 0;
  if (attempt.shoal.runningSince !== undefined) return attempt.shoal.runningSince + delayMs;
  if (endedByItself(attempt)) return endedAt(attempt) + delayMs;
  // What waits for a paused node may wait for ever, and nothing was given up for it yet.
  if (isUnassigned(attempt) && !slot.creatable) return 0;
  // A node that was down and returns starts anew.
  if (slot.nodeId !== undefined && !slotTasks.live.includes(attempt)) return 0;
  // The successor of an orphaned one in a slot is in flight as well, unless another task serves there after all.
  const served = slotTasks.live.some((task) => isCurrent(task, service) && isRunning(task));
  return served ? 0 : Number.POSITIVE_INFINITY;
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
 * The oldest task of this update that failed before it had run for Monitor. As in Docker an early exit with
 * code 0 is one too, but not where the restart policy says that tasks are meant to complete.
 */
export function firstFailure(
  slotTasks: SlotTasks,
  service: Service,
  { monitorMs }: UpdateRules,
): Task | undefined {
  return ofUpdate(slotTasks, service)
    .filter(endedByItself)
    .filter(isOwn)
    .filter(
      ({ observed, Spec }) =>
        observed?.state !== 'complete' || restartRules(Spec.RestartPolicy).condition === 'any',
    )
    .filter((task) => endedAt(task) - (task.shoal.runningSince ?? endedAt(task)) <= monitorMs)
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
