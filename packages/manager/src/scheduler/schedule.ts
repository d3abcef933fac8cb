import type { GenericResource, PendingReason, Task } from '../model/index.ts';
import type { Candidate } from './candidate.ts';
import type { ClusterState } from './cluster-state.ts';
import { type Demand, demandOf } from './demand.ts';
import { applying, contestable, filters, passesAll, roomFilters } from './filters/index.ts';
import { type Group, groupsOf } from './groups.ts';
import { NodeSet } from './node-set.ts';
import { takeGeneric } from './occupancy.ts';
import { pendingReasons } from './reasons.ts';
import { compareCandidates, namedScores } from './scores.ts';
import { loadOf } from './task-load.ts';
import { takeTurns } from './turns.ts';

export interface Placement {
  readonly taskId: string;
  readonly nodeId: string;
  /** Of the chosen node, at the moment of choosing. */
  readonly scores: Readonly<Record<string, number>>;
  readonly genericResources: readonly GenericResource[];
}

export interface Unplaced {
  readonly taskId: string;
  readonly reasons: readonly PendingReason[];
}

export interface Schedule {
  readonly placed: readonly Placement[];
  readonly pending: readonly Unplaced[];
}

export interface ScheduleOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Decides between equal nodes. Same seed, same state, same tasks: same schedule. */
  readonly seed: number;
}

/**
 * Finds a node for each of `tasks`. Neither `state` nor the tasks are changed, and their order does not
 * matter: the highest priority comes first; of equal ones tasks bound to one node, since they have no choice, then groups
 * of equal tasks, the one with the oldest task first. A group that does not fit never holds up another. Where room is short, so that one
 * service would get all and another nothing, they take turns.
 */
export function schedule(state: ClusterState, tasks: Iterable<Task>, options: ScheduleOptions): Schedule {
  const classes = groupsOf(tasks, state);
  const round = new Round(state, options);
  for (const { bound, free } of classes) for (const group of [...bound, ...free]) round.finish(group);
  if (!classes.some(({ free }) => round.isContested(free))) return round;
  const fair = new Round(state, options);
  for (const { bound, free } of classes) {
    for (const group of bound) fair.finish(group);
    takeTurns(free, state, (group, count) => fair.place(group, count));
    for (const group of free) fair.finish(group);
  }
  return fair;
}

class Round implements Schedule {
  readonly placed: Placement[] = [];
  readonly pending: Unplaced[] = [];
  readonly #nodeSet: NodeSet;
  readonly #state: ClusterState;
  /** Tasks of a group that are not placed yet. */
  readonly #left = new Map<Group, readonly Task[]>();
  /** Groups for which the nodes have not enough of what tasks of others take, too. */
  readonly #short = new Set<Group>();

  constructor(state: ClusterState, options: ScheduleOptions) {
    this.#state = state;
    this.#nodeSet = new NodeSet(state, options);
  }

  /** Places the next `count` tasks of a group, or as many as there is room for; says how many. */
  place(group: Group, count: number): number {
    return this.#nodeSet.vacated(group.vacancies, () =>
      this.#place(group, count, demandOf(group.tasks[0], this.#state)),
    );
  }

  /** Places all that are left, and says why where that can't be done. */
  finish(group: Group): void {
    const demand = this.#nodeSet.vacated(group.vacancies, () => {
      const demand = this.#placeAll(group);
      const left = this.#leftOf(group);
      if (left.length === 0) return undefined;
      const reasons = pendingReasons(demand, ...this.#nodeSet.concerned(demand));
      if (reasons.some(({ filter }) => contestable.has(filter))) this.#short.add(group);
      for (const task of left) this.pending.push({ taskId: task.ID, reasons });
      return demand;
    });
    if (demand && this.#state.preempted.size > 0) this.#hold(demand, this.#leftOf(group).length);
  }

  /** Whether a group lacks room, and another service got some. */
  isContested(groups: readonly Group[]): boolean {
    const takers = groups.filter((group) => this.#leftOf(group).length < group.tasks.length).map(serviceOf);
    return [...this.#short].some((group) => takers.some((service) => service !== serviceOf(group)));
  }

  /** Keeps room for tasks for which others are leaving: those that are placed after them, less important ones, get none of it. */
  #hold(demand: Demand, count: number): void {
    const leaving = [...this.#state.preempted.values()].map((task) => ({
      nodeId: task.NodeID ?? '',
      load: loadOf(task, false),
    }));
    const asked = applying(filters, demand);
    // On others there is no room as it is.
    const nodeIds = [...new Set(leaving.map(({ nodeId }) => nodeId))];
    this.#nodeSet.vacated(leaving, () => {
      for (let held = 0; held < Math.min(count, leaving.length); held++) {
        const fitting = nodeIds
          .flatMap((id) => this.#nodeSet.candidate(demand, id) ?? [])
          .filter((one) => passesAll(asked, demand, one));
        const [best] = fitting.sort(compareCandidates);
        if (!best) return;
        this.#nodeSet.place(demand, best, claim(demand, best));
      }
    });
  }

  /** Says what was asked for last. */
  #placeAll(group: Group): Demand {
    const demand = demandOf(group.tasks[0], this.#state);
    this.#place(group, group.tasks.length, demand);
    if (demand.volumes.length === 0 || !demand.mayBeginEmpty || this.#leftOf(group).length === 0)
      return demand;
    const anywhere = { ...demand, volumes: [] };
    this.#place(group, group.tasks.length, anywhere);
    return anywhere;
  }

  #place(group: Group, count: number, demand: Demand): number {
    const room = applying(roomFilters, demand);
    const waiting = this.#leftOf(group);
    if (waiting.length === 0 || count === 0) return 0;
    const tree = this.#nodeSet.tree(demand, room);
    const left: Task[] = [];
    let placed = 0;
    let full = false;
    for (const task of waiting) {
      const predecessor = this.#state.predecessorOf(task);
      // All are equal but for what they take over from.
      if (placed === count || (full && !predecessor)) {
        left.push(task);
        continue;
      }
      const recount = (by: 1 | -1) => {
        const node = predecessor && this.#nodeSet.recount(demand, predecessor.NodeID ?? '', by);
        if (node) tree.recount(node, passesAll(room, demand, node), by);
      };
      recount(-1);
      const found = tree.placeOnBest((node, branchTasks) => {
        const genericResources = claim(demand, node);
        const scores = namedScores(demand, node, branchTasks);
        this.placed.push({ taskId: task.ID, nodeId: node.node.ID, scores, genericResources });
        this.#nodeSet.place(demand, node, genericResources);
        return passesAll(room, demand, node);
      });
      if (found) placed++;
      else {
        recount(1);
        left.push(task);
        full = true;
      }
    }
    tree.release();
    this.#left.set(group, left);
    return placed;
  }

  #leftOf(group: Group): readonly Task[] {
    return this.#left.get(group) ?? group.tasks;
  }
}

const serviceOf = ({ tasks: [task] }: Group): string => task.ServiceID;

const nothing: readonly GenericResource[] = [];

export function claim(demand: Demand, { node, used }: Candidate): readonly GenericResource[] {
  if (demand.generic.size === 0) return nothing;
  return [...demand.generic].flatMap(([kind, count]) => takeGeneric(node, used, kind, count) ?? []);
}
