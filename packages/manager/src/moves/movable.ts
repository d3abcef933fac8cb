import {
  companionOf,
  isReady,
  isWanted,
  modeOf,
  moveRestLeftMs,
  networkModeOf,
  replicasOf,
  restartRules,
  type Service,
  steadySince,
  type Task,
  type Wait,
  waitOf,
} from '../model/index.ts';
import {
  isCurrent,
  isHalted,
  isRunning,
  isUpdating,
  moveOrder,
  type Nodes,
  presenceOf,
  taskTemplate,
  whyMustLeave,
} from '../services/index.ts';
import type { Tx } from '../store/index.ts';

/** All tasks of a service must have run for so long before one is moved; so the time between two moves is longer. */
export const steadyMs = 5_000;

/** Whether tasks of the service are moved at all, as its spec is. */
export const mayMove = ({ Spec, shoal }: Service): boolean =>
  modeOf(Spec) === 'replicated' &&
  !shoal.removing &&
  // A job that may end would do its work twice.
  restartRules(taskTemplate(Spec).RestartPolicy).condition === 'any' &&
  companionOf(networkModeOf(Spec)) === undefined &&
  moveOrder(Spec) !== undefined;

/** What has to pass before a task of the service is moved, as far as its tasks are concerned; undefined: nothing. */
export function beforeMove(
  service: Service,
  tasks: readonly Task[],
  nodes: Nodes,
  now: number,
): Wait | undefined {
  const wait = (why: string, until?: number) => waitOf('service', service.ID, why, until);
  if (isUpdating(service) || isHalted(service)) return wait('its update to be completed');
  let at = 0;
  let live = 0;
  for (const task of tasks) {
    const presence = presenceOf(task, nodes);
    if (presence === 'ended' || (presence === 'orphaned' && !isWanted(task))) continue;
    if (presence !== 'live' || !isSteady(task, service, nodes))
      return wait(`task ${task.ID}, which does not run as it should or is about to leave`);
    live++;
    at = Math.max(at, (task.shoal.runningSince ?? now) + steadyMs);
  }
  if (live !== replicasOf(service.Spec)) return wait('a task in every slot');
  return at > now ? wait('all its tasks to have run for a while', at) : undefined;
}

const isSteady = (task: Task, service: Service, nodes: Nodes): boolean =>
  isRunning(task) &&
  !task.observed?.err &&
  isCurrent(task, service) &&
  isReady(nodes.get(task.NodeID ?? '')) &&
  whyMustLeave(task, nodes) === undefined;

/** Tasks of other services live in the networks of this one's, and would have to start anew. */
export const isShared = (tx: Tx, { Spec }: Service): boolean =>
  tx.services.by('companion', Spec.Name ?? '').length > 0;

/** Whether a task of the service may be moved to a node now, as far as that node's past is concerned. */
export function mayTake(
  service: Service,
  tasks: readonly Task[],
  nodes: Nodes,
  now: number,
): (nodeId: string) => boolean {
  const failed = failedTargets(service, tasks, nodes, now);
  return (id) => {
    const node = nodes.get(id);
    return node !== undefined && moveRestLeftMs(node, now) === 0 && !failed.has(id);
  };
}

/** Nodes on which a moved task never ran; they are not tried again before the node or the service has changed. */
function failedTargets(service: Service, tasks: readonly Task[], nodes: Nodes, now: number): Set<string> {
  const failed = tasks.filter((task) => {
    const node = nodes.get(task.NodeID ?? '');
    return (
      task.shoal.stopReason === 'move-failed' &&
      isCurrent(task, service) &&
      node !== undefined &&
      Date.parse(task.CreatedAt) >= steadySince(node, now)
    );
  });
  return new Set(failed.flatMap(({ NodeID }) => NodeID ?? []));
}
