import { pendingText, type Task } from '../model/index.ts';
import type { Candidate } from './candidate.ts';
import type { ClusterState } from './cluster-state.ts';
import { type Demand, demandOf } from './demand.ts';
import { failureLimit } from './failures.ts';
import { applying, filters, nodeFilters, passesAll, roomFilters } from './filters/index.ts';
import { NodeSet } from './node-set.ts';
import { pendingReasons } from './reasons.ts';
import { claim, type ScheduleOptions } from './schedule.ts';
import { compareCandidates, compareNumbers } from './scores.ts';
import { loadOf } from './task-load.ts';

/** From one node to another, so that the tasks of a service are spread more evenly. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/** Nodes on which a partner for an exchange is looked for. */
const mostTargets = 8;

/** Finds moves for one service, or task, after the other; each sees what those before it will take. */
export class Balancer {
  readonly #state: ClusterState;
  readonly #options: ScheduleOptions;
  #made: NodeSet | undefined;

  constructor(state: ClusterState, options: ScheduleOptions) {
    this.#state = state;
    this.#options = options;
  }

  /** It holds all nodes, and most rounds find nothing to look for. */
  get #nodeSet(): NodeSet {
    this.#made ??= new NodeSet(this.#state, this.#options);
    return this.#made;
  }

  /**
   * The move that evens out the service of `task` most, if one does. Nodes are judged by the filters and scores
   * of placement; `mayTake` leaves out some as targets. `later`: some node would be better, but can't take it now.
   *
   * A move goes to a node that has at least two tasks of the service less; where spread preferences put the two
   * nodes into different branches, to a branch that has. So each one brings the sum of squares down, at its
   * level and at none above it up, and a service comes to rest after finitely many.
   */
  find(task: Task, mayTake: (nodeId: string) => boolean): Move | 'later' | undefined {
    const demand = demandOf(task, this.#state);
    const asked = applying(nodeFilters, demand);
    const nodes = this.#nodeSet.candidates(demand).filter((node) => passesAll(asked, demand, node));
    const room = applying(roomFilters, demand);
    const fits = (node: Candidate) =>
      node.failures < failureLimit && mayTake(node.node.ID) && passesAll(room, demand, node);
    const best = this.#best(demand, nodes, nodes.filter(fits), compareCandidates);
    if (!best) return this.#best(demand, nodes, nodes, (a, b) => a.serviceTasks - b.serviceTasks) && 'later';
    this.#nodeSet.place(demand, best.to, claim(demand, best.to));
    return { from: best.from.node.ID, to: best.to.node.ID };
  }

  /**
   * A task of another service with which `task` can change places, where each would move by itself if there were room:
   * its node has at least two tasks of its service more than the other one, within the same branches. So an exchange
   * brings the sums of squares of both services down. `mayTake` leaves out nodes as targets of `task`; `tasksOn` are the
   * tasks on a node, of which `mayMove` leaves out some.
   */
  exchange(
    task: Task,
    mayTake: (nodeId: string) => boolean,
    tasksOn: (nodeId: string) => readonly Task[],
    mayMove: (partner: Task) => boolean,
  ): Task | undefined {
    const demand = demandOf(task, this.#state);
    const from = this.#nodeSet.candidate(demand, task.NodeID ?? '');
    const emptier = this.#nodeSet
      .candidates(demand)
      .filter((to) => this.#isEvener(demand, from, to) && mayTake(to.node.ID))
      .sort((a, b) => a.serviceTasks - b.serviceTasks || a.order - b.order)
      .slice(0, mostTargets);
    // Of one service on one node they are all alike.
    const others = emptier.flatMap(({ node }) => [
      ...Map.groupBy(tasksOn(node.ID), ({ ServiceID }) => ServiceID).values(),
    ]);
    return others
      .flatMap(([first]) => first ?? [])
      .find((other) => this.#canSwap(task, other) && mayMove(other));
  }

  #canSwap(a: Task, b: Task): boolean {
    const [demandA, demandB] = [demandOf(a, this.#state), demandOf(b, this.#state)];
    const on = (demand: Demand, { NodeID = '' }: Task) => this.#nodeSet.candidate(demand, NodeID);
    const fits = (demand: Demand, node: Candidate | undefined) =>
      node !== undefined && passesAll(applying(filters, demand), demand, node);
    const vacancies = [a, b].map((task) => ({ nodeId: task.NodeID ?? '', load: loadOf(task, true) }));
    return (
      a.ServiceID !== b.ServiceID &&
      this.#isEvener(demandB, on(demandB, b), on(demandB, a)) &&
      this.#nodeSet.vacated(vacancies, () => fits(demandA, on(demandA, b)) && fits(demandB, on(demandB, a)))
    );
  }

  /** Whether a task's service lies more evenly, within the same branches, when one moves between these nodes. */
  #isEvener(demand: Demand, from: Candidate | undefined, to: Candidate | undefined): boolean {
    const { leafOf } = this.#nodeSet.branches(demand);
    return (
      from !== undefined &&
      to !== undefined &&
      from.serviceTasks - to.serviceTasks >= 2 &&
      to.failures < failureLimit &&
      leafOf[from.order] === leafOf[to.order]
    );
  }

  /**
   * The best other node for a task that had better leave its own, by the filters and scores of placement; if there is
   * none, why. `mayTake` leaves out some as targets.
   */
  elsewhere(
    task: Task,
    mayTake: (nodeId: string) => boolean,
  ): { readonly to: string } | { readonly why: string } {
    const demand = demandOf(task, this.#state);
    const others = this.#nodeSet.candidates(demand).filter(({ node }) => node.ID !== task.NodeID);
    const asked = applying(filters, demand);
    const fitting = others.filter((node) => passesAll(asked, demand, node));
    const usable = fitting.filter((node) => node.failures < failureLimit && mayTake(node.node.ID));
    const rank = this.#ranker(demand, task.NodeID);
    const [best] = usable.sort((a, b) => compareNumbers(rank(a), rank(b)) || compareCandidates(a, b));
    if (best) {
      this.#nodeSet.place(demand, best, claim(demand, best));
      return { to: best.node.ID };
    }
    return {
      why:
        fitting.length > 0
          ? 'the nodes that have room were in trouble lately'
          : pendingText(pendingReasons(demand, others)),
    };
  }

  /** Tasks of the service in each of a node's branches, once the one on `from` is gone: what decides before all else. */
  #ranker(demand: Demand, from: string | undefined): (node: Candidate) => number[] {
    const { leafOf, paths } = this.#nodeSet.branches(demand);
    const counts = this.#nodeSet.branchTasks(demand);
    const branches = ({ order }: Candidate) => paths[leafOf[order] ?? 0] ?? [];
    const left = this.#nodeSet.candidates(demand).find(({ node }) => node.ID === from);
    const own = new Set(left && branches(left));
    return (node) => branches(node).map((path) => (counts.get(path) ?? 0) - (own.has(path) ? 1 : 0));
  }

  #best(
    demand: Demand,
    from: readonly Candidate[],
    to: readonly Candidate[],
    compare: (a: Candidate, b: Candidate) => number,
  ): Step | undefined {
    const { leafOf, paths } = this.#nodeSet.branches(demand);
    const counts = this.#nodeSet.branchTasks(demand);
    const leaf = ({ order }: Candidate) => leafOf[order] ?? 0;
    const branches = (node: Candidate) => paths[leaf(node)] ?? [];
    // Of nodes in the same branches, the fullest and the best are all that matter.
    const some = from.filter(({ serviceTasks }) => serviceTasks > 0);
    const sources = extremes(some, leaf, (a, b) => b.serviceTasks - a.serviceTasks || a.order - b.order);
    const targets = extremes(to, leaf, compare);
    let best: Step | undefined;
    for (const source of sources) {
      for (const target of targets) {
        const [at, [a, b]] = whereTheyPart(branches(source), branches(target));
        const by =
          a === b
            ? source.serviceTasks - target.serviceTasks
            : (counts.get(a ?? '') ?? 0) - (counts.get(b ?? '') ?? 0);
        const step = { from: source, to: target, level: at, by };
        if (by >= 2 && (!best || compareSteps(step, best) < 0)) best = step;
      }
    }
    return best;
  }
}

interface Step {
  readonly from: Candidate;
  readonly to: Candidate;
  /** Index of the spread preference that it evens out, outermost first. */
  readonly level: number;
  /** Tasks of the service that the target has less. */
  readonly by: number;
}

const compareSteps = (a: Step, b: Step): number =>
  a.level - b.level || b.by - a.by || compareCandidates(a.to, b.to);

/** The first node of each innermost branch, in the order of `compare`. */
function extremes(
  nodes: readonly Candidate[],
  leaf: (node: Candidate) => number,
  compare: (a: Candidate, b: Candidate) => number,
): Candidate[] {
  const first = new Map<number, Candidate>();
  for (const node of nodes) {
    const known = first.get(leaf(node));
    if (!known || compare(node, known) < 0) first.set(leaf(node), node);
  }
  return [...first.values()];
}

/** The outermost level at which two nodes are in different branches, and these; equal ones for the same leaf. */
function whereTheyPart(
  a: readonly string[],
  b: readonly string[],
): [number, [string | undefined, string | undefined]] {
  const level = a.findIndex((branch, index) => branch !== b[index]);
  return level < 0 ? [a.length, [undefined, undefined]] : [level, [a[level], b[level]]];
}
