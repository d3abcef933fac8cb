import { type Task, type TaskSpec, type Wait, waitOf } from '../model/index.ts';
import type { Origin, Slot } from './new-task.ts';
import { endedByItself, isDropped } from './presence.ts';
import { restartAfter } from './restart.ts';

/** Either what the next task of a slot is made with, or what has to pass before there can be one. */
export type Successor =
  | { readonly origin: Origin; readonly wait?: never }
  | { readonly wait: Wait; readonly origin?: never };

/**
 * What follows in a slot that has no live task. `kin` are its tasks that count, newest first. Undefined when the restart policy
 * leaves the slot empty. `now`, and `since` when attempts count, in ms since the epoch.
 */
export function successorOf(
  kin: readonly Task[],
  slot: Slot,
  policy: TaskSpec['RestartPolicy'],
  now: number,
  since = 0,
): Successor | undefined {
  const head = kin.find((task) => !isDropped(task));
  if (!head) return { origin: {} };
  if (!endedByItself(head)) return { origin: takenOver(head, slot) };
  const restart = restartAfter(head, kin, policy, now, since);
  if (!restart) return undefined;
  const { createAfter = 0, ...origin } = restart;
  if (createAfter <= now) return { origin };
  const why = `the next task, after ${restart.failures} that ended early`;
  return { wait: waitOf('slot', slot.key, why, createAfter) };
}

/** What a successor takes over from a task that did not end by its own fault. */
function takenOver({ shoal }: Task, { nodeId }: Slot): Origin {
  const { failures, refusals = 0, replaces, runningSince, stopReason } = shoal;
  const inFlight = replaces !== undefined && runningSince === undefined && nodeId === undefined;
  return {
    ...(failures !== undefined && { failures }),
    ...(stopReason === 'next-host' && { refusals: refusals + 1 }),
    ...(inFlight && { replaces }),
  };
}
