import { whyWaiting } from '../../model/index.ts';
import type { Draft, SlotTasks } from '../draft.ts';
import { isRunning } from '../presence.ts';
import { isCurrent, startOf } from './update-state.ts';

/**
 * Keys of slots that an update emptied and whose room was taken by slots of the same service that had no running task before.
 * As many tasks run as before, and these slots lack room as those others did: so they hold up no update.
 */
export function excusedSlots(draft: Draft): ReadonlySet<string> {
  const waiting = draft.keys.filter((key) => isEmptied(draft, draft.tasksIn(key)));
  if (waiting.length === 0) return new Set();
  const gained = draft.keys.filter((key) => isGained(draft, draft.tasksIn(key))).length;
  return new Set(waiting.slice(0, gained));
}

const isEmptied = ({ service }: Draft, { live, past }: SlotTasks): boolean =>
  live.length > 0 &&
  live.every((task) => isCurrent(task, service) && whyWaiting(task) !== undefined) &&
  past.some((task) => !isCurrent(task, service));

const isGained = ({ service }: Draft, { live, tasks }: SlotTasks): boolean =>
  live.some(isRunning) &&
  tasks.every(
    (task) =>
      isCurrent(task, service) &&
      task.shoal.replaces === undefined &&
      Date.parse(task.CreatedAt) >= startOf(service),
  );
