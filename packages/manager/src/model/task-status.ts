import { compareStates, isTerminal, type TaskState } from '@shoal/proto/rules';
import { isDown, type Node } from './node.ts';
import type { ApiTask, PendingReason, Task } from './task.ts';

/** Docker's DesiredState: the tasks of a job shall complete, and those that did have done what they should. */
export function desiredStateOf(task: Task): string {
  const { DesiredState, shoal } = task;
  if (shoal.iteration === undefined) return DesiredState;
  const hasEndedWell = stateOf(task) === 'complete' && DesiredState === 'shutdown';
  return DesiredState === 'running' || hasEndedWell ? 'complete' : DesiredState;
}

/** Docker's State: as its agent observed it, and before that as far as it came with the scheduler. */
export function stateOf({ observed, placement, nodeRemovedAt }: StateParts): TaskState {
  const state = observed ? observed.state : placement ? 'assigned' : 'pending';
  return nodeRemovedAt === undefined || isTerminal(state) ? state : 'orphaned';
}

type StateParts = Pick<Task, 'observed' | 'placement' | 'nodeRemovedAt'>;

/** When it came into its present state, or, of one that waits for a node, when the reasons why changed last; ISO 8601. */
export function stateSince({ observed, placement, unplaced, nodeRemovedAt, CreatedAt }: Task): string {
  if (nodeRemovedAt !== undefined && !(observed && isTerminal(observed.state))) return nodeRemovedAt;
  return (observed ?? placement ?? unplaced)?.at ?? CreatedAt;
}

/**
 * Why no node takes the task, as far as the scheduler has looked at its present spec; none where it has not, or where the task may not
 * start yet whatever room there is.
 */
export const pendingReasonsOf = ({
  placement,
  unplaced,
  shoal,
}: Task): readonly PendingReason[] | undefined =>
  !placement && shoal.awaits === undefined && unplaced?.specVersion === shoal.specVersion
    ? unplaced.reasons
    : undefined;

/** Reasons in one line, as Swarm puts them in a task's `Err`. */
export const pendingText = (reasons: readonly PendingReason[]): string =>
  reasons.length === 0
    ? 'no suitable node (the cluster has no nodes)'
    : `no suitable node (${reasons.map(({ text }) => text).join('; ')})`;

/** Why a task gets no node, or no addresses there, in plain words; undefined where nothing is in its way. */
export function whyWaiting(task: Task): string | undefined {
  if (task.observed) return undefined;
  if (task.placement) return task.unaddressed;
  const { awaits, lacksCompanion } = task.shoal;
  if (awaits !== undefined) return awaits;
  const reasons = pendingReasonsOf(task);
  return reasons ? pendingText(reasons) : lacksCompanion;
}

/** Docker's Status. */
export function taskStatus(task: Task): ApiTask['Status'] {
  const { observed: { err, oomKilled, container, ports } = {} } = task;
  const Err = err ?? whyWaiting(task);
  return {
    Timestamp: stateSince(task),
    State: stateOf(task),
    ...messageOf(task),
    ...(Err !== undefined && { Err }),
    ...(oomKilled && { OOMKilled: true }),
    ...(container && { ContainerStatus: container }),
    PortStatus: ports ? { Ports: [...ports] } : {},
  };
}

/** In Swarm's words (moby/swarmkit manager/scheduler, manager/controlapi), and those of its agent. */
function messageOf(task: Task): { Message?: string } {
  const { observed, placement } = task;
  if (stateOf(task) === 'orphaned') return { Message: 'Task belonged to a node that has been deleted' };
  if (observed) return observed.message === undefined ? {} : { Message: observed.message };
  if (placement) return { Message: 'scheduler assigned task to node' };
  if (task.shoal.awaits !== undefined) return { Message: 'waiting for another service' };
  return { Message: pendingReasonsOf(task) ? 'waiting for a suitable node' : 'pending task scheduling' };
}

/** Its host refused its image, a mount, a device or the like: nothing of it ran. */
export const isRefused = ({ observed }: Task): boolean =>
  observed?.state === 'rejected' || observed?.startRefused === true;

/**
 * A task's state as far as it is known. On a node that is down, or that is gone, nobody can tell whether it still runs:
 * there it is `orphaned`, Docker's word for that. It is its old self again once the node is heard.
 */
export function knownState(
  task: StateParts & Pick<Task, 'NodeID'>,
  nodes: { get(id: string): Node | undefined },
): TaskState {
  const state = stateOf(task);
  if (!task.NodeID || isTerminal(state) || compareStates(state, 'assigned') < 0) return state;
  return isDown(nodes.get(task.NodeID)) ? 'orphaned' : state;
}

/** Why its daemon refused the limits of the task's present spec; undefined where nothing is known of that. */
export const refusedLimits = ({ observed, shoal }: Task): string | undefined =>
  observed?.limitsRefused?.specVersion === shoal.specVersion ? observed.limitsRefused.why : undefined;
