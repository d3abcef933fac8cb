import { isoTime } from '../effects.ts';
import { type Service, type Wait, waitOf, wakeAt, whyWaiting } from '../model/index.ts';
import type { Draft } from './draft.ts';
import type { Slot } from './new-task.ts';
import { isAwaited, leftWaitingAt } from './stuck.ts';
import {
  canaryStage,
  dueIn,
  excusedSlots,
  firstFailure,
  isCurrent,
  isFit,
  isUpdating,
  needsUpdate,
  overdueIn,
  pauseUpdate,
  progressOf,
  withReason,
} from './update/index.ts';

/** A start or a stop that takes longer than this is named in the update's message. */
const patienceMs = 60_000;

/** What an update waits for in one slot. */
interface Open {
  readonly wait: Wait;
  /** From when on it is named in the update's message (ms since the epoch). */
  readonly tellAt: number;
  /** It does not get on: why, in the words of a fault. */
  readonly overdue?: ReturnType<typeof overdueIn>;
}

/**
 * Completes the update when all is done and has run for Monitor; otherwise names in its message what it is stuck on, if it is.
 * It pauses where failures are borne, and nothing else is left to do than what does not get on.
 * `known`: what tasks wait for. Returns what the update waits for.
 */
export function finishOrReportUpdate(draft: Draft, slots: readonly Slot[], known: readonly Wait[]): Wait[] {
  const { service, snapshot } = draft;
  if (!isUpdating(service)) return [];
  const excused = excusedSlots(draft);
  const ofTasks = new Map(known.toReversed().map((wait) => [wait.about.id, wait]));
  const open = slots.flatMap((slot) => (excused.has(slot.key) ? [] : (openIn(draft, slot, ofTasks) ?? [])));
  const [first] = open;
  if (first?.overdue && open.every(({ overdue }) => overdue)) {
    pauseUpdate(draft, first.overdue);
    return [];
  }
  draft.service = first ? reported(draft, slots, open) : completed(service, snapshot.now);
  return open.map(({ wait, tellAt }) => {
    const until = wakeAt([wait, ...(tellAt > snapshot.now ? [{ ...wait, until: tellAt }] : [])]);
    return until === undefined ? wait : { ...wait, until };
  });
}

/** Undefined when the update is done there, or is done there later. */
function openIn(draft: Draft, slot: Slot, ofTasks: ReadonlyMap<string, Wait>): Open | undefined {
  const { service, snapshot, rules } = draft;
  const { key, creatable } = slot;
  const slotTasks = draft.tasksIn(key);
  // Where nothing can be made now, the update is done later, when it can.
  if (!creatable) return undefined;
  const isOutdated =
    slotTasks.live.some((task) => !isCurrent(task, service)) || needsUpdate(slotTasks, service);
  const task = slotTasks.live.find((task) => isCurrent(task, service));
  const overdue = overdueIn(draft, slotTasks);
  const dueAt = overdue ? undefined : dueIn(draft, slotTasks)?.at;
  if (!task) {
    const turn = quietly(waitOf('slot', key, 'its turn in the update', dueAt));
    return isOutdated ? { ...turn, ...(overdue && { overdue }) } : undefined;
  }
  if (isFit(task, service)) {
    if (isOutdated) return quietly(waitOf('slot', key, 'the older task to stop'));
    const proved = (task.shoal.runningSince ?? snapshot.now) + rules.monitorMs;
    const why = `task ${task.ID} to prove itself`;
    return proved > snapshot.now ? quietly(waitOf('slot', key, why, proved)) : undefined;
  }
  const isLackingNode = whyWaiting(task) !== undefined;
  const isLeftWaiting = isLackingNode && !isAwaited(draft, slotTasks, task);
  const until = isLeftWaiting ? leftWaitingAt(draft, task) : dueAt;
  const isDone =
    (isLeftWaiting && until === undefined) ||
    firstFailure(slotTasks, service, rules) !== undefined ||
    overdue !== undefined;
  if (isDone && !isOutdated) return undefined;
  const { ID, CreatedAt, shoal } = task;
  const why = ofTasks.get(ID)?.why ?? `task ${ID}`;
  const isTrouble = isLackingNode || shoal.failures !== undefined;
  const tellAt = isTrouble ? 0 : Math.max(Date.parse(CreatedAt), shoal.startAfter ?? 0) + patienceMs;
  return { wait: waitOf('slot', key, why, until), tellAt, ...(overdue && { overdue }) };
}

/** Not named in the message: it passes by itself, or is part of every update. */
const quietly = (wait: Wait): Open => ({ wait, tellAt: Number.POSITIVE_INFINITY });

function completed(service: Service, now: number): Service {
  const rollback = service.UpdateStatus?.State === 'rollback_started';
  return {
    ...service,
    UpdateStatus: {
      ...service.UpdateStatus,
      State: rollback ? 'rollback_completed' : 'completed',
      CompletedAt: isoTime(now),
      Message: rollback ? withReason('rollback completed', service) : 'update completed',
    },
  };
}

function reported(draft: Draft, slots: readonly Slot[], open: readonly Open[]): Service {
  const { service, snapshot } = draft;
  const status = service.UpdateStatus;
  if (!status) return service;
  const told = open.find(({ tellAt }) => tellAt <= snapshot.now);
  const waiting = told && `waiting for ${told.wait.why}`;
  const Message = [progressOf(service), stageText(draft, slots), waiting].filter(Boolean).join('; ');
  return Message === status.Message ? service : { ...service, UpdateStatus: { ...status, Message } };
}

/** Where an update by canary is, and when it goes on. */
function stageText(draft: Draft, slots: readonly Slot[]): string | undefined {
  const { text, until } = canaryStage(draft, slots) ?? {};
  return until === undefined ? text : `${text}, until ${isoTime(until)}`;
}
