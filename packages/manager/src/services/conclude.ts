import { isoTime } from '../effects.ts';
import { type Service, type Wait, waitOf, wakeAt, whyWaiting } from '../model/index.ts';
import type { Draft } from './draft.ts';
import type { Place } from './new-task.ts';
import { isRunning } from './standing.ts';
import { isAwaited, leftWaitingAt } from './stuck.ts';
import { overtaken } from './update/overtaken.ts';
import { firstFailure } from './update/rollout.ts';
import { isCurrent, isDirty, isUpdating, progressOf, withReason } from './update/update-state.ts';

/** What takes longer than this to start or to stop is worth a word in the update's message. */
const patienceMs = 60_000;

/** What an update waits for in one place. */
interface Open {
  readonly wait: Wait;
  /** From when on that is worth a word in its message (ms since the epoch). */
  readonly tellAt: number;
}

/**
 * Completes the update when all is done and has proved itself; otherwise says what it is stuck on, if it is. `known` are
 * waits of tasks. Returns what the update waits for.
 */
export function concludeUpdate(draft: Draft, places: readonly Place[], known: readonly Wait[]): Wait[] {
  const { service, snapshot } = draft;
  if (!isUpdating(service)) return [];
  const excused = overtaken(draft);
  const ofTasks = new Map(known.toReversed().map((wait) => [wait.about.id, wait]));
  const open = places.flatMap((place) =>
    excused.has(place.key) ? [] : (openIn(draft, place, ofTasks) ?? []),
  );
  draft.service = open.length === 0 ? completed(service, snapshot.now) : reported(draft, open);
  return open.map(({ wait, tellAt }) => {
    const until = wakeAt([wait, ...(tellAt > snapshot.now ? [{ ...wait, until: tellAt }] : [])]);
    return until === undefined ? wait : { ...wait, until };
  });
}

/** Undefined when the update is done there, or is done there later. */
function openIn(draft: Draft, place: Place, ofTasks: ReadonlyMap<string, Wait>): Open | undefined {
  const { service, snapshot, rules } = draft;
  const { key, creatable } = place;
  const slot = draft.slot(key);
  // Where nothing can be made now, the update is done later, when it can.
  if (!creatable) return undefined;
  const isOutdated = slot.live.some((task) => !isCurrent(task, service)) || isDirty(slot, service);
  const task = slot.live.find((task) => isCurrent(task, service));
  if (!task) return isOutdated ? quietly(waitOf('slot', key, 'its turn in the update')) : undefined;
  if (isRunning(task)) {
    if (isOutdated) return quietly(waitOf('slot', key, 'the older task to stop'));
    const proved = (task.shoal.runningSince ?? snapshot.now) + rules.monitorMs;
    const why = `task ${task.ID} to prove itself`;
    return proved > snapshot.now ? quietly(waitOf('slot', key, why, proved)) : undefined;
  }
  const isLackingNode = whyWaiting(task) !== undefined;
  const isLeftWaiting = isLackingNode && !isAwaited(draft, slot, task);
  const until = isLeftWaiting ? leftWaitingAt(draft, task) : undefined;
  const isDone = (isLeftWaiting && until === undefined) || firstFailure(slot, service, rules) !== undefined;
  if (isDone && !isOutdated) return undefined;
  const { ID, CreatedAt, shoal } = task;
  const why = ofTasks.get(ID)?.why ?? `task ${ID}`;
  const isTrouble = isLackingNode || shoal.failures !== undefined;
  const tellAt = isTrouble ? 0 : Math.max(Date.parse(CreatedAt), shoal.startAfter ?? 0) + patienceMs;
  return { wait: waitOf('slot', key, why, until), tellAt };
}

/** What passes by itself, or is part of how updates go. */
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

function reported({ service, snapshot }: Draft, open: readonly Open[]): Service {
  const status = service.UpdateStatus;
  if (!status) return service;
  const told = open.find(({ tellAt }) => tellAt <= snapshot.now);
  const Message = told ? `${progressOf(service)}; waiting for ${told.wait.why}` : progressOf(service);
  return Message === status.Message ? service : { ...service, UpdateStatus: { ...status, Message } };
}
