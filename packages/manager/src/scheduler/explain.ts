import { type PendingReason, pendingText, stateOf, type Task } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';
import type { Candidate } from './candidate.ts';
import { ClusterState } from './cluster-state.ts';
import { type Demand, demandOf, type HeldVolume } from './demand.ts';
import { type Filter, filters } from './filters/index.ts';
import { leftBehindText } from './left-behind.ts';
import { NodeSet } from './node-set.ts';
import { pendingReasons } from './reasons.ts';
import { compareCandidates, compareNumbers, failureRank, namedScores, scoreNames } from './scores.ts';
import { isPending } from './task-load.ts';

export interface FilterVerdict {
  readonly name: string;
  readonly passed: boolean;
  /** In plain words; only with a refusal. */
  readonly reason?: string;
}

export interface NodeExplanation {
  readonly nodeId: string;
  readonly hostname: string;
  /** The task is on this node now. */
  readonly present: boolean;
  /** All filters passed. */
  readonly fits: boolean;
  readonly filters: readonly FilterVerdict[];
  /** Less is better; the first that differs decides between two nodes. */
  readonly scores: Readonly<Record<string, number>>;
}

/** Why a task is where it is, or nowhere. Plain JSON. */
export interface TaskExplanation {
  readonly taskId: string;
  readonly serviceId: string;
  readonly state: string;
  readonly desiredState: string;
  readonly nodeId: string | null;
  /** What the scheduler saw when it chose the node. */
  readonly decision: Task['placement'] | null;
  /** Waiting for a node. */
  readonly pending: boolean;
  /** Why no node takes the task at present; empty when one does. */
  readonly reasons: readonly PendingReason[];
  readonly text: string;
  /** What else is worth knowing: which host has its volumes, or what was written to them before. */
  readonly notes: readonly string[];
  /** Names of the scores in the order in which they decide, each with what it means. */
  readonly order: readonly { readonly name: string; readonly about: string }[];
  /** All nodes, as if the task were to be placed now: those that fit first, the best on top. */
  readonly nodes: readonly NodeExplanation[];
}

/** Judges every node for `task` by the same filters and scores as the scheduler. `now` in ms since the epoch. */
export function explainTask(view: ReadView, task: Task, now: number): TaskExplanation {
  const state = ClusterState.from(view);
  // Its own ports and reservations must not stand in its way.
  state.unplace(task);
  const nodeSet = new NodeSet(state, { now, seed: 0 });
  const demand = demandOf(task, state);
  const predecessor = state.predecessorOf(task);
  if (predecessor) nodeSet.recount(demand, predecessor.NodeID ?? '', -1);
  const { nodes, fits, reasons } = nodeSet.vacated(state.vacanciesFor(task), () => {
    const nodes = explainNodes(nodeSet, demand, nodeSet.candidates(demand), task.NodeID);
    const fits = nodes.some((node) => node.fits);
    return { nodes, fits, reasons: fits ? [] : pendingReasons(demand, ...nodeSet.concerned(demand)) };
  });
  return {
    taskId: task.ID,
    serviceId: task.ServiceID,
    state: stateOf(task),
    desiredState: task.DesiredState,
    nodeId: task.NodeID ?? null,
    decision: task.placement ?? null,
    pending: isPending(task),
    reasons,
    text: fits ? '' : pendingText(reasons),
    notes: [...(task.placement?.leftBehind ?? []).map(leftBehindText), ...demand.volumes.map(heldText)],
    order: scoreNames(demand.spread),
    nodes,
  };
}

const heldText = ({ volume, host }: HeldVolume): string => `volume ${volume} is on ${host}`;

function explainNodes(
  nodeSet: NodeSet,
  demand: Demand,
  candidates: readonly Candidate[],
  present: string | undefined,
): NodeExplanation[] {
  const counts = nodeSet.branchTasks(demand);
  const { leafOf, paths } = nodeSet.branches(demand);
  const judged = candidates.map((candidate) => {
    const branches = (paths[leafOf[candidate.order] ?? 0] ?? []).map((path) => counts.get(path) ?? 0);
    const verdicts = filters.map((filter) => verdict(filter, demand, candidate));
    const explanation: NodeExplanation = {
      nodeId: candidate.node.ID,
      hostname: candidate.node.reported.description.Hostname ?? '',
      present: candidate.node.ID === present,
      fits: verdicts.every(({ passed }) => passed),
      filters: verdicts,
      scores: namedScores(demand, candidate, branches),
    };
    return { candidate, branches, explanation };
  });
  judged.sort(
    (a, b) =>
      Number(b.explanation.fits) - Number(a.explanation.fits) ||
      failureRank(a.candidate) - failureRank(b.candidate) ||
      compareNumbers(a.branches, b.branches) ||
      compareCandidates(a.candidate, b.candidate),
  );
  return judged.map(({ explanation }) => explanation);
}

function verdict(filter: Filter, demand: Demand, candidate: Candidate): FilterVerdict {
  if (!filter.applies(demand) || filter.passes(demand, candidate)) return { name: filter.name, passed: true };
  return { name: filter.name, passed: false, reason: filter.why(demand, candidate) };
}
