import type { GenericResource, PendingReason, Task } from '../model/index.ts';
import type { Candidate } from './candidate.ts';
import type { ClusterState, Vacancy } from './cluster-state.ts';
import { type Demand, demandOf, isBound } from './demand.ts';
import { Draft } from './draft.ts';
import { applying, passesAll, roomFilters } from './filters/index.ts';
import { takeGeneric } from './occupancy.ts';
import { pendingReasons, pendingText } from './reasons.ts';
import { namedScores } from './scores.ts';

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
  /** The reasons in one line, as Swarm puts them in a task's `Err`. */
  readonly text: string;
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
 * matter: tasks bound to one node come first, since they have no choice; then groups of equal tasks, the
 * one with the oldest task first. A group that does not fit never holds up another.
 */
export function schedule(state: ClusterState, tasks: Iterable<Task>, options: ScheduleOptions): Schedule {
  const draft = new Draft(state, options);
  const placed: Placement[] = [];
  const pending: Unplaced[] = [];
  for (const { tasks: equal, vacancies } of groupsOf(tasks, state)) {
    draft.vacated(vacancies, () => placeGroup(draft, equal, placed, pending));
  }
  return { placed, pending };
}

/** In one round: each costs a look at the nodes of its service. The others wait until what they replace has ended. */
const mostVacating = 100;

/** Tasks that ask the same, oldest first. */
interface Group {
  readonly tasks: readonly [Task, ...Task[]];
  /** Room that others will have left when these tasks start. */
  readonly vacancies: readonly Vacancy[];
}

function groupsOf(tasks: Iterable<Task>, state: ClusterState): Group[] {
  const bound: Group[] = [];
  const vacating: Group[] = [];
  const free: Task[] = [];
  for (const task of tasks) {
    const vacancies = state.vacanciesFor(task);
    if (isBound(task)) bound.push({ tasks: [task], vacancies });
    else if (vacancies.length > 0) vacating.push({ tasks: [task], vacancies });
    else free.push(task);
  }
  vacating.sort(compareGroups);
  const rest = vacating.splice(mostVacating).map(({ tasks: [task] }) => task);
  return [
    ...bound.sort(compareGroups),
    ...[...vacating, ...equalGroups([...free, ...rest])].sort(compareGroups),
  ];
}

function equalGroups(tasks: readonly Task[]): Group[] {
  // By service, then by version: one string less to build for each task.
  const services = new Map<string, Map<number, [Task, ...Task[]]>>();
  for (const task of tasks) {
    let versions = services.get(task.ServiceID);
    if (!versions) {
      versions = new Map();
      services.set(task.ServiceID, versions);
    }
    const equal = versions.get(task.shoal.specVersion);
    if (equal) equal.push(task);
    else versions.set(task.shoal.specVersion, [task]);
  }
  return [...services.values()].flatMap((versions) =>
    [...versions.values()].map((equal) => ({ tasks: equal.sort(compareAge), vacancies: [] })),
  );
}

const compareGroups = (a: Group, b: Group): number => compareAge(a.tasks[0], b.tasks[0]);

/** Those of the same age in the order of services and slots: ids are random, and a forecast has to know who comes first. */
function compareAge(a: Task, b: Task): number {
  if (a.CreatedAt !== b.CreatedAt) return a.CreatedAt < b.CreatedAt ? -1 : 1;
  if (a.ServiceID !== b.ServiceID) return a.ServiceID < b.ServiceID ? -1 : 1;
  if (a.Slot !== b.Slot) return (a.Slot ?? 0) - (b.Slot ?? 0);
  return a.ID < b.ID ? -1 : a.ID > b.ID ? 1 : 0;
}

function placeGroup(draft: Draft, tasks: Group['tasks'], placed: Placement[], pending: Unplaced[]): void {
  const demand = demandOf(tasks[0]);
  const room = applying(roomFilters, demand);
  const tree = draft.tree(demand, room);
  let next = 0;
  for (; next < tasks.length; next++) {
    const task = tasks[next];
    const found = tree.placeOnBest((node, branchTasks) => {
      const genericResources = claim(demand, node);
      const scores = namedScores(demand, node, branchTasks);
      placed.push({ taskId: task?.ID ?? '', nodeId: node.node.ID, scores, genericResources });
      draft.place(demand, node, genericResources);
      return passesAll(room, demand, node);
    });
    if (!found) break;
  }
  tree.release();
  if (next === tasks.length) return;
  const reasons = pendingReasons(demand, draft.concerned(demand));
  const text = pendingText(reasons);
  for (const task of tasks.slice(next)) pending.push({ taskId: task.ID, reasons, text });
}

const nothing: readonly GenericResource[] = [];

export function claim(demand: Demand, { node, used }: Candidate): readonly GenericResource[] {
  if (demand.generic.size === 0) return nothing;
  return [...demand.generic].flatMap(([kind, count]) => takeGeneric(node, used, kind, count) ?? []);
}
