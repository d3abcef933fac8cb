import type { Service, Task } from '../../model/index.ts';
import type { Slot } from '../draft.ts';
import { currentTarget, type Target, targetLike } from '../new-task.ts';
import { endedByItself, furthestFirst, isUnassigned } from '../standing.ts';

const stateOf = ({ UpdateStatus }: Service) => UpdateStatus?.State;

/** An update or a rollback makes progress. */
export const isUpdating = (service: Service): boolean =>
  stateOf(service) === 'updating' || stateOf(service) === 'rollback_started';

/** An update or a rollback stands still until somebody updates the service again. */
export const isHalted = (service: Service): boolean =>
  stateOf(service) === 'paused' || stateOf(service) === 'rollback_paused';

/**
 * What an update, or a rollback that somebody asked for, says of itself, in Swarm's words (moby/swarmkit
 * manager/orchestrator/update/updater.go, manager/controlapi/service.go).
 */
export const underWayText = {
  update: 'update in progress',
  rollback: 'manually requested rollback',
} as const;

/** The same of the present one, whoever began it. */
export const progressOf = ({ UpdateStatus, shoal }: Service): string =>
  UpdateStatus?.State === 'rollback_started'
    ? (shoal.rollback?.why ?? underWayText.rollback)
    : underWayText.update;

/** When the update or rollback began, in ms. */
export const startOf = ({ UpdateStatus, shoal }: Service): number =>
  shoal.rollback?.since ?? (Date.parse(UpdateStatus?.StartedAt ?? '') || 0);

/** What is said of a rollback, with the reason for it where nobody asked for it. */
export const withReason = (text: string, { shoal: { rollback } }: Service): string =>
  rollback ? `${text}; ${rollback.why}` : text;

/** Made from the present version of the service's task template. */
export const isCurrent = (task: Task, service: Service): boolean =>
  task.shoal.specVersion === service.shoal.specVersion;

/**
 * The version that a place has to have now. Only the rolling update changes it, so a task that is orphaned
 * meanwhile is replaced by its like: an update that fails or pauses keeps what it has not reached, and one
 * that is overtaken by the next gives up what it had not finished.
 */
export function targetOf(slot: Slot, service: Service): Target {
  const model = olderModel(slot, service);
  return model ? targetLike(model) : currentTarget(service);
}

/** The task whose version a place has to keep for now; undefined where the current version belongs. */
function olderModel(slot: Slot, service: Service): Task | undefined {
  const { tasks, live } = slot;
  const [newest] = tasks;
  if (!newest || live.some((task) => isCurrent(task, service))) return undefined;
  const kept = isHalted(service) ? unconverted(slot, service) : undefined;
  if (kept) return kept;
  if (isCurrent(newest, service)) return undefined;
  // Nothing is left there that an update could replace step by step.
  const idle = live.length === 0 && !endedByItself(newest);
  if (idle && !isUpdating(service) && !isHalted(service)) return undefined;
  return live.toSorted(furthestFirst)[0] ?? newest;
}

/** The old task of a place where the new version was tried, but never ran and never had to have it stopped. */
function unconverted({ tasks }: Slot, service: Service): Task | undefined {
  const ran = tasks.some((task) => isCurrent(task, service) && task.shoal.runningSince !== undefined);
  const old = tasks.find((task) => !isCurrent(task, service));
  return ran || old?.shoal.stopReason === 'replaced' ? undefined : old;
}

/** The task that a place loses when it is updated; undefined where no node ever took one. */
export const atStake = ({ tasks, live }: Slot): Task | undefined =>
  [...live.toSorted(furthestFirst), ...tasks].find((task) => !isUnassigned(task));

/** The rolling update has still to come to this place. */
export const isDirty = (slot: Slot, service: Service): boolean => olderModel(slot, service) !== undefined;
