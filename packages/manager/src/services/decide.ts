import { isJob, isPerNode, type Wait } from '../model/index.ts';
import { joinCompanions, leaveCompanions } from './companions.ts';
import { awaitDependencies } from './depends-on.ts';
import { type Decision, Draft, type Snapshot } from './draft.ts';
import { fillSlot } from './fill-slot.ts';
import { finishOrReportUpdate } from './finish-update.ts';
import { judgeFirstDeployment } from './first-deployment.ts';
import { fillJob } from './jobs/index.ts';
import { globalSlots, replicatedSlots } from './modes/index.ts';
import { observe } from './observe.ts';
import { reap } from './reaper.ts';
import { underWay } from './start.ts';
import { endStuckUpdate } from './stuck.ts';
import { adopt, applyFailureAction, beginUpdate, needsUpdate, pickSlots } from './update/index.ts';
import { recordVolumes } from './volumes.ts';

/**
 * What has to be written so that a service comes nearer to what its spec says. Looks only at the present
 * state, so it may be called at any time, by any manager, as often as needed; once everything is as it
 * should be, it decides nothing.
 */
export function decideService(snapshot: Snapshot): Decision {
  const draft = new Draft(snapshot);
  if (snapshot.service.shoal.removing) return decideRemoval(draft);
  observe(draft);
  recordVolumes(draft);
  leaveCompanions(draft);
  const waits = isJob(snapshot.service.Spec) ? runJob(draft) : keepRunning(draft);
  reap(draft);
  return draft.decision(waits);
}

/** The tasks of a service that runs until it is removed, one version of it after the other. */
function keepRunning(draft: Draft): Wait[] {
  const first = judgeFirstDeployment(draft);
  applyFailureAction(draft);
  adoptTasks(draft);
  const slots = isPerNode(draft.service.Spec) ? globalSlots(draft) : replicatedSlots(draft);
  beginUpdate(draft, slots);
  const toUpdate = new Set(slots.filter(({ key }) => needsUpdate(draft.tasksIn(key), draft.service)));
  // What the others decide may let the update reach one more slot.
  const waiting = slots.flatMap((slot) => (toUpdate.has(slot) ? [] : fillSlot(draft, slot, false)));
  const { picked, waits } = pickSlots(draft, slots);
  for (const slot of toUpdate) waiting.push(...fillSlot(draft, slot, picked.has(slot.key)));
  joinCompanions(draft);
  awaitDependencies(draft);
  const tasks = [...underWay(draft, waiting), ...waiting, ...waits];
  return [...tasks, ...finishOrReportUpdate(draft, slots, tasks), ...endStuckUpdate(draft, slots), ...first];
}

/** The tasks of the present run of a job. */
function runJob(draft: Draft): Wait[] {
  const waiting = fillJob(draft);
  joinCompanions(draft);
  awaitDependencies(draft);
  return [...underWay(draft, waiting), ...waiting];
}

/** Tasks that can take on the present spec as they are do so. */
function adoptTasks(draft: Draft): void {
  const { nodes, tasksOn = () => [] } = draft.snapshot;
  for (const task of adopt(draft.service, draft.tasks, nodes, tasksOn).changed) draft.put(task);
}

/** The service goes when its last task is gone, so that networks and ports are free by then. */
function decideRemoval(draft: Draft): Decision {
  for (const task of draft.tasks) draft.discard(task);
  return draft.decision(underWay(draft, []), draft.tasks.length === 0);
}
