import {
  compareStates,
  type Dependency,
  dependenciesOf,
  isJob,
  isResult,
  isWanted,
  type Service,
  stateOf,
  type Task,
} from '../model/index.ts';
import type { Draft, NamedService } from './draft.ts';
import { isOver, runOf } from './jobs/index.ts';
import { isRunning, isUnassigned, type Nodes, presenceOf } from './presence.ts';

/**
 * `shoal.depends-on`: a task that has no node yet gets none before the services are there that it depends on. What runs stays when
 * they go again, and so does a task that is moved.
 */
export function awaitDependencies(draft: Draft): void {
  const why = firstUnmet(draft);
  for (const task of draft.tasks) {
    const waits = isUnassigned(task) && isWanted(task) && task.shoal.moves === undefined;
    if (waits && task.shoal.awaits !== why) draft.put(awaiting(task, why));
  }
}

function awaiting({ shoal: { awaits: _, ...shoal }, ...task }: Task, why: string | undefined): Task {
  return { ...task, shoal: why === undefined ? shoal : { ...shoal, awaits: why } };
}

function firstUnmet({ service, snapshot }: Draft): string | undefined {
  for (const dependency of dependenciesOf(service.Spec.Labels)) {
    const why = lack(dependency, snapshot.serviceNamed?.(dependency.service), snapshot.nodes, snapshot.now);
    if (why !== undefined) return `depends on service ${dependency.service}, ${why}`;
  }
  return undefined;
}

/** What the service lacks, in words; undefined when it is as it has to be. */
function lack(
  { condition }: Dependency,
  named: NamedService | undefined,
  nodes: Nodes,
  now: number,
): string | undefined {
  if (!named) return 'which is not there';
  const { service, tasks } = named;
  if (condition === 'completed') return lackOfResult(service, tasks, nodes, now);
  if (condition === 'started')
    return tasks.some((task) => hasStarted(task, service, nodes))
      ? undefined
      : 'of which no task has started';
  return tasks.some((task) => isHealthy(task, nodes)) ? undefined : 'of which no task is healthy';
}

function lackOfResult(
  service: Service,
  tasks: readonly Task[],
  nodes: Nodes,
  now: number,
): string | undefined {
  if (!isJob(service.Spec)) return 'which is no job, so it never completes';
  const run = runOf(service, tasks, nodes, now);
  if (!run) return 'which has not run yet';
  const { completed, failed, total } = run;
  if (isOver(run) && failed === 0) return undefined;
  return `of which ${completed} of ${total} tasks have completed${failed > 0 ? `, and ${failed} failed` : ''}`;
}

const hasStarted = (task: Task, service: Service, nodes: Nodes): boolean =>
  isResult(service, task) || (isLive(task, nodes) && compareStates(stateOf(task), 'starting') >= 0);

const isHealthy = (task: Task, nodes: Nodes): boolean =>
  isLive(task, nodes) && isRunning(task) && task.observed?.err === undefined;

const isLive = (task: Task, nodes: Nodes): boolean => presenceOf(task, nodes) === 'live';

/** Whether a task's change may be what others depend on. */
export const mattersToOthers = (before: Task | undefined, after: Task | undefined): boolean =>
  !before ||
  !after ||
  before.DesiredState !== after.DesiredState ||
  stateOf(before) !== stateOf(after) ||
  before.observed?.err !== after.observed?.err;
