import { presentCanary, type Service, type Task } from '../../model/index.ts';
import type { SlotTasks } from '../draft.ts';
import { currentTarget, type Target, targetLike } from '../new-task.ts';
import { endedByItself, furthestFirst, isRunning, isUnassigned, serves } from '../presence.ts';

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

/** A rollback's message, with the reason where it was not a person who asked for it. */
export const withReason = (text: string, { shoal: { rollback } }: Service): string =>
  rollback ? `${text}; ${rollback.why}` : text;

/** Made from the present version of the service's task template. */
export const isCurrent = (task: Task, service: Service): boolean =>
  task.shoal.specVersion === service.shoal.specVersion;

/**
 * It gets traffic and, if it is one of the first of an update by canary that are asked for that, answers well. A rollback goes back to
 * what was there, and is not held up by how that does.
 */
export const isFit = (task: Task, service: Service): boolean =>
  (serves(task) && (presentCanary(service) === undefined || task.observed?.canary === 'passed')) ||
  (isRunning(task) && wasBefore(task, service));

const wasBefore = (task: Task, service: Service): boolean =>
  stateOf(service) === 'rollback_started' && Date.parse(task.CreatedAt) < startOf(service);

/**
 * The version that a slot has to have now. Only the rolling update changes it, so a task that is orphaned
 * meanwhile is replaced by one of its version. So an update that fails or pauses leaves alone what it has not reached, and one
 * that the next update replaces drops what it had not finished.
 */
export function targetOf(slotTasks: SlotTasks, service: Service): Target {
  const model = olderModel(slotTasks, service);
  return model ? targetLike(model) : currentTarget(service);
}

/** The task whose version a slot has to keep for now; undefined where the current version belongs. */
function olderModel(slotTasks: SlotTasks, service: Service): Task | undefined {
  const { tasks, live } = slotTasks;
  const [newest] = tasks;
  if (!newest || live.some((task) => isCurrent(task, service))) return undefined;
  const kept = isHalted(service) ? unconverted(slotTasks, service) : undefined;
  if (kept) return kept;
  if (isCurrent(newest, service)) return undefined;
  // Nothing is left there that an update could replace step by step.
  const idle = live.length === 0 && !endedByItself(newest);
  if (idle && !isUpdating(service) && !isHalted(service)) return undefined;
  return live.toSorted(furthestFirst)[0] ?? newest;
}

/** The old task of a slot where the new version was tried, but never ran and never had to have it stopped. */
function unconverted({ tasks }: SlotTasks, service: Service): Task | undefined {
  const ran = tasks.some((task) => isCurrent(task, service) && task.shoal.runningSince !== undefined);
  const old = tasks.find((task) => !isCurrent(task, service));
  return ran || old?.shoal.stopReason === 'replaced' ? undefined : old;
}

/** The task that an update replaces in the slot; undefined where no node ever took one. */
export const taskToReplace = ({ tasks, live }: SlotTasks): Task | undefined =>
  [...live.toSorted(furthestFirst), ...tasks].find((task) => !isUnassigned(task));

/** The rolling update has not come to this slot yet. */
export const needsUpdate = (slotTasks: SlotTasks, service: Service): boolean =>
  olderModel(slotTasks, service) !== undefined;
