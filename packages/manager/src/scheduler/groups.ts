import { priorityOf, type Task } from '../model/index.ts';
import type { ClusterState, Vacancy } from './cluster-state.ts';
import { boundTo, volumesOf } from './demand.ts';

/** Tasks that ask the same, oldest first. */
export interface Group {
  readonly tasks: readonly [Task, ...Task[]];
  /** Room that others will have left when these tasks start. */
  readonly vacancies: readonly Vacancy[];
}

/** Those of one priority. */
export interface Groups {
  /** One task each, which has no choice of nodes, or a node that has its volume. */
  readonly bound: readonly Group[];
  readonly free: readonly Group[];
}

/** In one round: each costs a look at the nodes of its service. The others wait until what they replace has ended. */
const mostVacating = 100;

/** By priority, the highest first; both kinds with the group of the oldest task first. */
export function groupsOf(tasks: Iterable<Task>, state: ClusterState): Groups[] {
  const bound: Group[] = [];
  const vacating: Group[] = [];
  const free: Task[] = [];
  for (const task of tasks) {
    const vacancies = state.vacanciesFor(task);
    if (boundTo(task) !== undefined || volumesOf(task, state).length > 0)
      bound.push({ tasks: [task], vacancies });
    else if (vacancies.length > 0) vacating.push({ tasks: [task], vacancies });
    else free.push(task);
  }
  vacating.sort(compareGroups);
  const rest = vacating.splice(mostVacating).map(({ tasks: [task] }) => task);
  const classes = new Map<number, { bound: Group[]; free: Group[] }>();
  const classOf = ({ tasks: [task] }: Group) => {
    const priority = priorityOf(state.services.get(task.ServiceID)?.Spec.Labels);
    const known = classes.get(priority) ?? { bound: [], free: [] };
    classes.set(priority, known);
    return known;
  };
  for (const group of bound.sort(compareGroups)) classOf(group).bound.push(group);
  const others = [...vacating, ...equalGroups([...free, ...rest])].sort(compareGroups);
  for (const group of others) classOf(group).free.push(group);
  return [...classes].sort(([a], [b]) => b - a).map(([, groups]) => groups);
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
    [...versions.values()].map((equal) => ({ tasks: equal.sort(compareAge), vacancies: none })),
  );
}

const none: readonly Vacancy[] = [];

const compareGroups = (a: Group, b: Group): number => compareAge(a.tasks[0], b.tasks[0]);

/** Those of the same age in the order of services and slots: ids are random, and a forecast has to know who comes first. */
export function compareAge(a: Task, b: Task): number {
  if (a.CreatedAt !== b.CreatedAt) return a.CreatedAt < b.CreatedAt ? -1 : 1;
  if (a.ServiceID !== b.ServiceID) return a.ServiceID < b.ServiceID ? -1 : 1;
  if (a.Slot !== b.Slot) return (a.Slot ?? 0) - (b.Slot ?? 0);
  return a.ID < b.ID ? -1 : a.ID > b.ID ? 1 : 0;
}
