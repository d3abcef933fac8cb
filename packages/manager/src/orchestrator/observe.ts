import type { Task } from '../model/index.ts';
import type { Draft } from './draft.ts';
import { isRunning, isUnassigned, isWanted, standing } from './standing.ts';

/** Takes note of what happened to the tasks: which run, which ended, which are out of reach. */
export function observe(draft: Draft): void {
  for (const task of draft.tasks) observeTask(draft, task);
}

function observeTask(draft: Draft, task: Task): void {
  if (task.DesiredState === 'remove') {
    draft.discard(task);
    return;
  }
  if (!isWanted(task)) {
    if (isUnassigned(task)) draft.remove(task);
    return;
  }
  const stands = standing(task, draft.facts.nodes);
  if (stands === 'ended') draft.put({ ...task, DesiredState: 'shutdown' });
  else if (stands === 'lost') draft.stop(withStart(task), lossOf(draft, task));
  else if (withStart(task) !== task) draft.put(withStart(task));
}

const lossOf = (draft: Draft, { NodeID = '' }: Task) =>
  draft.facts.nodes.get(NodeID) ? 'node-down' : 'node-gone';

/** The present status forgets when the task began to run as soon as it ends, so that is kept apart. */
function withStart(task: Task): Task {
  if (!isRunning(task) || task.shoal.runningSince !== undefined) return task;
  return { ...task, shoal: { ...task.shoal, runningSince: Date.parse(task.Status.Timestamp) } };
}
