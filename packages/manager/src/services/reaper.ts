import { isResult, restartRules, type Task } from '../model/index.ts';
import type { Draft } from './draft.ts';
import { taskTemplate } from './policy.ts';
import { isDropped, presenceOf } from './presence.ts';
import { firstFailure, isHalted, isUpdating } from './update/index.ts';

/**
 * Forgets the oldest tasks of each slot beyond the history limit. With MaxAttempts at least one more than
 * that stay, as in Swarm, since the attempts are counted from them.
 */
export function reap(draft: Draft): void {
  const limit = limitOf(draft);
  for (const key of draft.keys) reapPlace(draft, key, limit);
}

function reapPlace(draft: Draft, key: string, limit: number): void {
  const { past, tasks } = draft.tasksIn(key);
  if (past.length === 0) return;
  const needed = neededIn(draft, key);
  // The restart policy needs to know how it ended.
  const head = tasks.find((task) => !isDropped(task));
  for (const [index, task] of past.entries()) {
    if (task === head) continue;
    // What a job has done would be done again.
    if (isResult(draft.service, task)) continue;
    // UpdateStatus names it as the reason of a rollback.
    if (task.ID === draft.service.shoal.rollback?.taskId) continue;
    if (isOnRemovedNode(draft, task) || (index >= limit && task !== needed)) draft.remove(task);
  }
}

function limitOf({ snapshot, service }: Draft): number {
  if (snapshot.historyLimit < 0) return Number.POSITIVE_INFINITY;
  const { maxAttempts } = restartRules(taskTemplate(service.Spec).RestartPolicy);
  return maxAttempts > 0 ? Math.max(snapshot.historyLimit, maxAttempts + 1) : snapshot.historyLimit;
}

/** The failure that an unfinished update counts for this slot. */
function neededIn(draft: Draft, key: string): Task | undefined {
  const { service } = draft;
  if (!isUpdating(service) && !isHalted(service)) return undefined;
  return firstFailure(draft.tasksIn(key), service, draft.rules);
}

/** Its node was removed before it ended, so nothing will ever be heard of it. */
const isOnRemovedNode = ({ snapshot: { nodes } }: Draft, task: Task): boolean =>
  presenceOf(task, nodes) === 'orphaned' && nodes.get(task.NodeID ?? '') === undefined;
