import { companionOf, isReady, networkModeOf, type Service, type Task } from '../model/index.ts';
import { replicasOf } from '../services/modes/replicated.ts';
import { moveOrder, restartRules, taskTemplate } from '../services/policy.ts';
import { displacement, isRunning, isWanted, type Nodes, standing } from '../services/standing.ts';
import { isCurrent, isHalted, isUpdating } from '../services/update/update-state.ts';
import type { Tx } from '../store/index.ts';
import type { Calm } from './calm.ts';

/** All tasks of a service must have run for so long before one is moved; so the time between two moves is longer. */
export const steadyMs = 5_000;

/**
 * From when on a task of the service may be moved, as far as the service itself is concerned (ms since the
 * epoch). Infinity: not as it is now; only a change of it can change that.
 */
export function movableAt(service: Service, tasks: readonly Task[], nodes: Nodes): number {
  const { Spec, shoal } = service;
  const mayMove =
    Spec.Mode?.Global === undefined &&
    !shoal.removing &&
    // A job that may end would do its work twice.
    restartRules(taskTemplate(Spec).RestartPolicy).condition === 'any' &&
    companionOf(networkModeOf(Spec)) === undefined &&
    moveOrder(Spec) !== undefined &&
    !isUpdating(service) &&
    !isHalted(service);
  if (!mayMove) return Number.POSITIVE_INFINITY;
  let at = 0;
  let live = 0;
  for (const task of tasks) {
    const stands = standing(task, nodes);
    if (stands === 'ended' || (stands === 'lost' && !isWanted(task))) continue;
    if (stands !== 'live' || !isSteady(task, service, nodes)) return Number.POSITIVE_INFINITY;
    live++;
    at = Math.max(at, (task.shoal.runningSince ?? Number.POSITIVE_INFINITY) + steadyMs);
  }
  return live === replicasOf(service) ? at : Number.POSITIVE_INFINITY;
}

const isSteady = (task: Task, service: Service, nodes: Nodes): boolean =>
  isRunning(task) &&
  !task.Status.Err &&
  isCurrent(task, service) &&
  isReady(nodes.get(task.NodeID ?? '')) &&
  displacement(task, nodes) === undefined;

/** Tasks of other services live in the networks of this one's, and would have to start anew. */
export const isShared = (tx: Tx, { Spec }: Service): boolean =>
  tx.services.by('companion', Spec.Name ?? '').length > 0;

/** Whether a task of the service may be moved to a node now, as far as that node's past is concerned. */
export function mayTake(
  service: Service,
  tasks: readonly Task[],
  { calm, now }: { readonly calm: Calm; readonly now: number },
): (nodeId: string) => boolean {
  const failed = failedTargets(service, tasks, calm);
  return (id) => calm.calmAt(id) <= now && !failed.has(id);
}

/** Nodes on which a moved task did not come to run; not tried again before the node, or the service, has changed. */
function failedTargets(service: Service, tasks: readonly Task[], calm: Calm): Set<string> {
  const failed = tasks.filter(
    (task) =>
      task.shoal.stopReason === 'move-failed' &&
      isCurrent(task, service) &&
      Date.parse(task.CreatedAt) >= (calm.usableSince(task.NodeID ?? '') ?? 0),
  );
  return new Set(failed.flatMap(({ NodeID }) => NodeID ?? []));
}
