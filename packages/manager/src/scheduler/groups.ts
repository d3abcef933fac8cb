import { priorityOf, type Task } from '../model/index.ts';
import type { ClusterState, Vacancy } from './cluster-state.ts';
import { boundTo, volumesOf } from './demand.ts';

/** Tasks that ask the same, oldest first. */
export interface Group {
  readonly tasks: readonly [Task, ...Task[]];
  /** Of their service. */
  readonly priority: number;
  /** Room that others will have left when these tasks start. */
  readonly vacancies: readonly Vacancy[];
}

export interface Groups {
  /** One task each, which has no choice of nodes, or a node that has its volume. */
  readonly bound: readonly Group[];
  readonly free: readonly Group[];
}

/** In one round: each costs a look at the nodes of its service. The others wait until what they replace has ended. */
const mostVacating = 100;

/** Both kinds with the group of the highest priority first; of equals, the one with the oldest task. */
export function groupsOf(tasks: Iterable<Task>, state: ClusterState): Groups {
  const bound: Group[] = [];
  const vacating: Group[] = [];
  const free: Task[] = [];
  for (const task of tasks) {
    const vacancies = state.vacanciesFor(task);
    const priority = () => priorityIn(state, task);
    if (boundTo(task) !== undefined || volumesOf(task, state).length > 0)
      bound.push({ tasks: [task], priority: priority(), vacancies });
    else if (vacancies.length > 0) vacating.push({ tasks: [task], priority: priority(), vacancies });
    else free.push(task);
  }
  vacating.sort(compareGroups);
  const rest = vacating.splice(mostVacating).map(({ tasks: [task] }) => task);
  return {
    bound: bound.sort(compareGroups),
    free: [...vacating, ...equalGroups([...free, ...rest], state)].sort(compareGroups),
  };
}

function equalGroups(tasks: readonly Task[], state: ClusterState): Group[] {
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
    [...versions.values()].map((equal) => ({
      tasks: equal.sort(compareAge),
      priority: priorityIn(state, equal[0]),
      vacancies: none,
    })),
  );
}

const none: readonly Vacancy[] = [];

const priorityIn = ({ services }: ClusterState, { ServiceID }: Task): number =>
  priorityOf(services.get(ServiceID)?.Spec.Labels);

const compareGroups = (a: Group, b: Group): number =>
  b.priority - a.priority || compareAge(a.tasks[0], b.tasks[0]);

/** Those of the same age in the order of services and slots: ids are random, and a forecast has to know who comes first. */
export function compareAge(a: Task, b: Task): number {
  if (a.CreatedAt !== b.CreatedAt) return a.CreatedAt < b.CreatedAt ? -1 : 1;
  if (a.ServiceID !== b.ServiceID) return a.ServiceID < b.ServiceID ? -1 : 1;
  if (a.Slot !== b.Slot) return (a.Slot ?? 0) - (b.Slot ?? 0);
  return a.ID < b.ID ? -1 : a.ID > b.ID ? 1 : 0;
}
