import type { Service, Task } from '../model/index.ts';
import type { Slot } from './draft.ts';
import { currentTarget, type Target, targetLike } from './new-task.ts';
import { endedByItself } from './standing.ts';

const stateOf = ({ UpdateStatus }: Service) => UpdateStatus?.State;

/** An update or a rollback makes progress. */
export const isUpdating = (service: Service): boolean =>
  stateOf(service) === 'updating' || stateOf(service) === 'rollback_started';

/** An update or a rollback stands still until somebody updates the service again. */
export const isHalted = (service: Service): boolean =>
  stateOf(service) === 'paused' || stateOf(service) === 'rollback_paused';

/** When the update or rollback began, in ms. */
export const startOf = ({ UpdateStatus }: Service): number => Date.parse(UpdateStatus?.StartedAt ?? '') || 0;

/** Made from the present version of the service's task template. */
export const isCurrent = (task: Task, service: Service): boolean =>
  task.shoal.specVersion === service.shoal.specVersion;

/**
 * The version that a place has to have now. Only the rolling update changes it, so a task that is lost
 * meanwhile is replaced by its like: an update that fails or pauses keeps what it has not reached.
 */
export function targetOf({ tasks, live }: Slot, service: Service): Target {
  const current = currentTarget(service);
  const [newest] = tasks;
  if (!newest || isCurrent(newest, service) || live.some((task) => isCurrent(task, service))) return current;
  // Nothing is left there that an update could replace step by step.
  const idle = live.length === 0 && !endedByItself(newest);
  if (idle && !isUpdating(service) && !isHalted(service)) return current;
  return targetLike(live[0] ?? newest);
}

/** The rolling update has still to come to this place. */
export const isDirty = (slot: Slot, service: Service): boolean =>
  targetOf(slot, service).version !== service.shoal.specVersion;
