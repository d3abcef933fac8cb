import {
  compareStates,
  isDown,
  isTerminal,
  isWanted,
  type Node,
  pendingReasonsOf,
  type StopReason,
  stateOf,
  stateSince,
  type Task,
  type TaskSpec,
} from '../model/index.ts';
import { isEligible } from '../scheduler/index.ts';

/** The nodes as far as this folder needs them. */
export interface Nodes {
  get(id: string): Node | undefined;
  all(): Iterable<Node>;
}

/**
 * Whether a task is there: `live` is wanted and may run; `leaving` was asked to stop and may still run; `orphaned`
 * may run, but on a node that nobody hears; `ended` will never run again. One that must run only once is `leaving` on
 * a node that is down, too, until it is sure that it does not run there any more.
 */
export type Presence = 'live' | 'leaving' | 'orphaned' | 'ended';

export function presenceOf(task: Task, nodes: Nodes): Presence {
  if (isTerminal(stateOf(task))) return 'ended';
  const node = nodes.get(task.NodeID ?? '');
  if (task.NodeID && isDown(node))
    return node && !isWanted(task) && mayRun(task, node) ? 'leaving' : 'orphaned';
  return isWanted(task) ? 'live' : 'leaving';
}

const mayRun = (task: Task, { judged }: Node): boolean =>
  task.shoal.isolated === true && judged.leases !== 'over' && !isUnassigned(task);

/** By then the scheduler has given the room of an ended task to others. */
const soonMs = 2_000;

/** It is about to make room for others, or has only just done so. */
export const makesRoom = (task: Task, nodes: Nodes, now: number): boolean =>
  isTerminal(stateOf(task))
    ? endedAt(task) > now - soonMs
    : !isUnassigned(task) && presenceOf(task, nodes) === 'leaving';

/** No agent has heard of the task yet. */
export const isUnassigned = (task: Task): boolean => stateOf(task) === 'pending';

export const isRunning = (task: Task): boolean => stateOf(task) === 'running';

/** It runs and may get traffic: it is healthy and ready. */
export const serves = (task: Task): boolean => isRunning(task) && task.observed?.err === undefined;

/** The scheduler looked for a node and found none. */
export const isUnplaceable = (task: Task): boolean =>
  isUnassigned(task) && (pendingReasonsOf(task)?.length ?? 0) > 0;

/** It is over, and neither the orchestrator nor the loss of its node was the cause. */
export const endedByItself = (task: Task): boolean =>
  isTerminal(stateOf(task)) &&
  stateOf(task) !== 'orphaned' &&
  task.shoal.stopReason === undefined &&
  !isUnconfirmed(task, endedAt(task));

/** It was not needed beside the task before it: how that one ended counts instead. */
export const isDropped = ({ shoal: { stopReason } }: Task): boolean =>
  stopReason === 'surplus' || stopReason === 'move-failed';

/** An agent that is back says within this time which of its tasks did not survive. */
const confirmMs = 10_000;

/** Until when it may turn out that a task did not come back with its node, in ms; undefined for all others. */
export const confirmedAt = ({ shoal: { returnedAt } }: Task): number | undefined =>
  returnedAt === undefined ? undefined : returnedAt + confirmMs;

const isUnconfirmed = (task: Task, at: number): boolean => at < (confirmedAt(task) ?? 0);

/** When it was seen to end, in ms; statuses carry the manager's clock. */
export const endedAt = (task: Task): number => Date.parse(stateSince(task));

/** Why a live task has to leave its node although the node works; undefined when it may stay. */
export function whyMustLeave(task: Task, nodes: Nodes): StopReason | undefined {
  const node = task.NodeID ? nodes.get(task.NodeID) : undefined;
  return node && whyNotOn(node, task.Spec.Placement);
}

/** Why nothing with this placement may be on a node although it works; undefined when it may. */
export function whyNotOn(node: Node, placement: TaskSpec['Placement']): StopReason | undefined {
  if (node.Spec.Availability === 'drain') return 'node-drained';
  return isEligible(node, placement) ? undefined : 'node-unfit';
}

/** Newest first, whatever order the store gives them in. */
export function byAge(a: Task, b: Task): number {
  if (a.CreatedAt !== b.CreatedAt) return a.CreatedAt < b.CreatedAt ? 1 : -1;
  return a.ID < b.ID ? 1 : -1;
}

/** For tasks of one slot: the one that is nearest to running first. */
export const furthestFirst = (a: Task, b: Task): number => compareStates(stateOf(b), stateOf(a));
