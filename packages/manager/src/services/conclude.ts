import { isoTime } from '../effects.ts';
import type { Service } from '../model/index.ts';
import type { Draft } from './draft.ts';
import type { Place } from './new-task.ts';
import type { UpdateRules } from './policy.ts';
import { occupants } from './settle.ts';
import { isRunning, whyWaiting } from './standing.ts';
import { isLeftWaiting } from './stuck.ts';
import { overtaken } from './update/overtaken.ts';
import { firstFailure } from './update/rollout.ts';
import { isCurrent, isDirty, isUpdating, withReason } from './update/update-state.ts';

/** What takes longer than this to start or to stop is worth a word in the update's message. */
const patienceMs = 60_000;
const separator = '; waiting for ';

/** Completes the update when all is done and has proved itself; otherwise says what it is stuck on, if it is. */
export function concludeUpdate(draft: Draft, places: readonly Place[]): void {
  const { service } = draft;
  if (!isUpdating(service)) return;
  const excused = overtaken(draft);
  // Every place is looked at, since each may ask to be looked at again.
  const open = places.filter((place) => isOpen(draft, place, draft.rules) && !excused.has(place.key));
  draft.service = open.length === 0 ? completed(service, draft.facts.now) : reported(draft, open);
}

function isOpen(draft: Draft, { key, creatable }: Place, rules: UpdateRules): boolean {
  const { service } = draft;
  const slot = draft.slot(key);
  // Where nothing can be made now, the update is done later, when it can.
  if (!creatable) return false;
  const outdated = slot.live.some((task) => !isCurrent(task, service));
  if (outdated || isDirty(slot, service)) return true;
  const task = slot.live.find((task) => isCurrent(task, service));
  if (!task) return false;
  if (isLeftWaiting(draft, slot, task)) return false;
  if (!isRunning(task)) return firstFailure(slot, service, rules) === undefined;
  const proved = (task.shoal.runningSince ?? draft.facts.now) + rules.monitorMs;
  draft.wake(proved);
  return proved > draft.facts.now;
}

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

function reported(draft: Draft, open: readonly Place[]): Service {
  const { service } = draft;
  const status = service.UpdateStatus;
  if (!status) return service;
  const [base = ''] = (status.Message ?? '').split(separator);
  const stuck = open
    .values()
    .map((place) => obstacle(draft, place))
    .find((text) => text !== undefined);
  const Message = stuck ? `${base}${separator}${stuck}` : base;
  return Message === status.Message ? service : { ...service, UpdateStatus: { ...status, Message } };
}

/** What holds a place up, in plain words; undefined while it takes no longer than usual. */
function obstacle(draft: Draft, { key }: Place): string | undefined {
  const slot = draft.slot(key);
  const task = slot.live.find((task) => isCurrent(task, draft.service));
  if (!task || isRunning(task)) return undefined;
  const why = whyWaiting(task);
  if (why) return `task ${task.ID}: ${why}`;
  if (task.shoal.failures) return `task ${task.ID} to run after ${task.shoal.failures} that ended early`;
  const due = Math.max(Date.parse(task.CreatedAt), task.shoal.startAfter ?? 0) + patienceMs;
  draft.wake(due);
  if (due > draft.facts.now) return undefined;
  const [other] = task.DesiredState === 'ready' ? occupants(draft, key, task) : [];
  return other ? `task ${other.ID} to stop` : `task ${task.ID}, which is ${task.Status.State}`;
}
