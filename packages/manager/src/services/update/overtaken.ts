import { whyWaiting } from '../../model/index.ts';
import type { Draft, Slot } from '../draft.ts';
import { isRunning } from '../standing.ts';
import { isCurrent, startOf } from './update-state.ts';

/**
 * Keys of places that an update emptied, and whose room went to places of the same service which had none before. As
 * many tasks run as did, so these places are short of room as the others were: they hold up no update.
 */
export function overtaken(draft: Draft): ReadonlySet<string> {
  const waiting = draft.keys.filter((key) => isEmptied(draft, draft.slot(key)));
  if (waiting.length === 0) return new Set();
  const gained = draft.keys.filter((key) => isGained(draft, draft.slot(key))).length;
  return new Set(waiting.slice(0, gained));
}

const isEmptied = ({ service }: Draft, { live, past }: Slot): boolean =>
  live.length > 0 &&
  live.every((task) => isCurrent(task, service) && whyWaiting(task) !== undefined) &&
  past.some((task) => !isCurrent(task, service));

const isGained = ({ service }: Draft, { live, tasks }: Slot): boolean =>
  live.some(isRunning) &&
  tasks.every(
    (task) =>
      isCurrent(task, service) &&
      task.shoal.replaces === undefined &&
      Date.parse(task.CreatedAt) >= startOf(service),
  );
