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
import type { Draft, Slot } from '../draft.ts';
import { notNow, type Place } from '../new-task.ts';
import type { UpdateRules } from '../policy.ts';
import { endedAt, endedByItself, isRunning, isUnassigned } from '../standing.ts';
import { overtaken } from './overtaken.ts';
import {
  atStake,
  isCurrent,
  isDirty,
  isHalted,
  isUpdating,
  startOf,
  underWayText,
  withReason,
} from './update-state.ts';

/**
 * The failure action, when too many places failed: pauses, or goes back to the previous spec. To be called
 * before anything else is decided, since it may change the spec.
 */
export function judgeUpdate(draft: Draft): void {
  const { service } = draft;
  if (!isUpdating(service)) return;
  const { rules } = draft;
  if (rules.failureAction === 'continue') return;
  const slots = draft.keys.map((key) => draft.slot(key));
  const failed = slots.flatMap((slot) => firstFailure(slot, service, rules) ?? []);
  const affected = slots.filter((slot) => isDirty(slot, service) || ofUpdate(slot, service).length > 0);
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

/** Which task, and what it died of. */
function failureOf({ ID, observed }: Task): string {
  const why = observed?.state === 'complete' ? 'it ended with exit code 0' : observed?.err;
  return why ? `${ID}: ${why}` : ID;
}

/** Starts an update when places have an older version and nobody has started one: scaling alone never does. */
export function beginUpdate(draft: Draft, places: readonly Place[]): void {
  const { service } = draft;
  if (isUpdating(service) || isHalted(service)) return;
  if (!places.some(({ key, creatable }) => creatable && isDirty(draft.slot(key), service))) return;
  const UpdateStatus = {
    State: 'updating' as const,
    StartedAt: isoTime(draft.snapshot.now),
    Message: underWayText.update,
  };
  const { rollback: _, ...shoal } = service.shoal;
  draft.service = { ...service, UpdateStatus, shoal };
}

export interface Picks {
  /** Keys of the places that change to the current version now. */
  readonly picked: ReadonlySet<string>;
  /** What the others wait for. */
  readonly waits: readonly Wait[];
}

/** Whose turn it is to change to the current version: broken places before those that work. */
export function pickPlaces(draft: Draft, places: readonly Place[]): Picks {
  const { service } = draft;
  const outdated = places.filter(({ key }) => isDirty(draft.slot(key), service));
  const dirty = isUpdating(service) ? outdated.filter(({ creatable }) => creatable) : [];
  // Where no node ever took a task, replacing it takes nothing away.
  const idle = dirty.filter(({ key }) => !atStake(draft.slot(key)));
  const rest = dirty.filter(({ key }) => atStake(draft.slot(key)));
  const hands = rest.length === 0 ? { free: 0 } : freeHands(draft, places);
  const works = ({ key }: Place) => draft.slot(key).live.some(isRunning);
  const ordered = [...rest.filter((place) => !works(place)), ...rest.filter(works)];
  const picked = new Set([...idle, ...ordered.slice(0, hands.free)].map(({ key }) => key));
  const others = outdated.filter(({ key }) => !picked.has(key));
  return { picked, waits: others.map((place) => waitForTurn(draft, place, hands.next)) };
}

/** What a place waits for that has an older version. `next`: when a hand becomes free, if that is known. */
function waitForTurn(draft: Draft, place: Place, next: number | undefined): Wait {
  if (!place.creatable) return notNow(draft, place);
  return isHalted(draft.service)
    ? waitOf('slot', place.key, `the next update: ${draft.service.UpdateStatus?.Message ?? ''}`)
    : waitOf('slot', place.key, 'its turn in the update', next);
}

interface Hands {
  readonly free: number;
  /** When the next one will be (ms since the epoch), if that is known. */
  readonly next?: number;
}

/** How many more places may be in flight. A place is so until its new task runs or ended, and Delay passed. */
function freeHands(draft: Draft, places: readonly Place[]): Hands {
  const { rules, service, snapshot } = draft;
  const excused = overtaken(draft);
  const busy = places
    .filter(({ key }) => !excused.has(key))
    .map((place) => busyUntil(draft.slot(place.key), place, service, rules))
    .filter((until) => until > snapshot.now);
  const next = Math.min(...busy);
  return { free: Math.max(0, rules.parallelism - busy.length), ...(Number.isFinite(next) && { next }) };
}

function busyUntil(slot: Slot, place: Place, service: Service, { delayMs }: UpdateRules): number {
  // Also one that was made before the update was begun anew, by scaling in the midst of it for example.
  const attempt = currentIn(slot, service).find(({ shoal }) => shoal.replaces !== undefined);
  if (!attempt) return 0;
  if (attempt.shoal.runningSince !== undefined) return attempt.shoal.runningSince + delayMs;
  if (endedByItself(attempt)) return endedAt(attempt) + delayMs;
  // What waits for a paused node may wait for ever, and nothing was given up for it yet.
  if (isUnassigned(attempt) && !place.creatable) return 0;
  // A node that was down and returns starts anew.
  if (place.nodeId !== undefined && !slot.live.includes(attempt)) return 0;
  // The successor of an orphaned one in a slot is in flight as well, unless another task serves there after all.
  const served = slot.live.some((task) => isCurrent(task, service) && isRunning(task));
  return served ? 0 : Number.POSITIVE_INFINITY;
}

/** Up-to-date tasks that were made since the present update or rollback began, or ended after that; newest first. */
function ofUpdate(slot: Slot, service: Service): Task[] {
  const start = startOf(service);
  return currentIn(slot, service).filter(
    (task) => Date.parse(task.CreatedAt) >= start || (isTerminal(stateOf(task)) && endedAt(task) > start),
  );
}

const currentIn = ({ tasks }: Slot, service: Service): Task[] =>
  tasks.filter((task) => isCurrent(task, service));

/**
 * The oldest task of this update that failed before it had run for Monitor. As in Docker an early exit with
 * code 0 is one too, but not where the restart policy says that tasks are meant to complete.
 */
export function firstFailure(slot: Slot, service: Service, { monitorMs }: UpdateRules): Task | undefined {
  return ofUpdate(slot, service)
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
 * It lived as what its version says. Nobody knows when a container gets the limits that its task took on while it ran, so
 * what ends soon may have had the ones before: how its successor fares is what counts.
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
