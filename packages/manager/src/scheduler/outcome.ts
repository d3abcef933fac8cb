import { isoTime } from '../effects.ts';
import type { LeftVolume, Task } from '../model/index.ts';
import { sameReasons } from './reasons.ts';
import type { Placement, Unplaced } from './schedule.ts';

/** The task once it has its node. `now` in ms since the epoch. */
export function assignedTask(
  task: Task,
  { nodeId, scores, genericResources }: Placement,
  now: number,
  leftBehind: readonly LeftVolume[] = [],
): Task {
  const { pending: _, ...shoal } = task.shoal;
  return {
    ...task,
    NodeID: nodeId,
    ...(genericResources.length > 0 && { GenericResources: genericResources }),
    Status: {
      State: 'assigned',
      Message: 'scheduler assigned task to node',
      Timestamp: isoTime(now),
      PortStatus: task.Status.PortStatus,
    },
    shoal: {
      ...shoal,
      placement: { at: isoTime(now), scores, ...(leftBehind.length > 0 && { leftBehind }) },
    },
  };
}

/**
 * The task with the reasons why it waits; undefined when it carries them already. How much is free at the moment is
 * no news: tasks that wait are not written anew whenever others come and go.
 */
export function waitingTask(task: Task, { reasons, text }: Unplaced, now: number): Task | undefined {
  const known = task.shoal.pending;
  if (task.Status.Err !== undefined && known && sameReasons(known, reasons)) return undefined;
  const Status = {
    ...task.Status,
    State: 'pending' as const,
    Message: 'waiting for a suitable node',
    Err: text,
    Timestamp: isoTime(now),
  };
  return { ...task, Status, shoal: { ...task.shoal, pending: reasons } };
}
