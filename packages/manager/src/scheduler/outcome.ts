import { isoTime } from '../effects.ts';
import { type LeftVolume, pendingReasonsOf, type Task } from '../model/index.ts';
import { sameReasons } from './reasons.ts';
import type { Placement, Unplaced } from './schedule.ts';

/** The task once it has its node. `now` in ms since the epoch. */
export function assignedTask(
  { unplaced: _, ...task }: Task,
  { nodeId, scores, genericResources }: Placement,
  now: number,
  leftBehind: readonly LeftVolume[] = [],
): Task {
  return {
    ...task,
    NodeID: nodeId,
    placement: {
      at: isoTime(now),
      scores,
      ...(genericResources.length > 0 && { genericResources }),
      ...(leftBehind.length > 0 && { leftBehind }),
    },
  };
}

/**
 * The task with the reasons why it waits; undefined when it carries them already. How much is free at the moment is
 * no news: tasks that wait are not written anew whenever others come and go.
 */
export function waitingTask(task: Task, { reasons }: Unplaced, now: number): Task | undefined {
  const known = pendingReasonsOf(task);
  if (known && sameReasons(known, reasons)) return undefined;
  return { ...task, unplaced: { at: isoTime(now), specVersion: task.shoal.specVersion, reasons } };
}
