import { type JobStatus, modeOf, type RestartPolicy, type Service, type WithMode } from './service.ts';
import type { Task } from './task.ts';
import { stateOf } from './task-status.ts';

/** Its tasks are meant to end: each has done its work once it ends with exit code 0. */
export const isJob = (spec: WithMode): boolean => modeOf(spec).endsWith('-job');

/** Of a replicated job, with Docker's defaults (moby daemon/cluster/convert/service.go). */
export interface JobSize {
  /** Tasks that run at the same time, at most. */
  readonly maxConcurrent: number;
  /** Tasks that have to complete. */
  readonly totalCompletions: number;
}

export function jobSizeOf({ Mode }: WithMode): JobSize {
  const maxConcurrent = Mode?.ReplicatedJob?.MaxConcurrent ?? 1;
  return { maxConcurrent, totalCompletions: Mode?.ReplicatedJob?.TotalCompletions ?? maxConcurrent };
}

/** The run that a job is at; undefined before the first one, and for what is no job. */
export const iterationOf = ({ JobStatus }: Pick<Service, 'JobStatus'>): number | undefined =>
  JobStatus?.LastExecution ? JobStatus.JobIteration.Index : undefined;

/** A job's status when its next run begins. `at`: ISO 8601. Iterations count from 0, as in Swarm. */
export function nextRun(service: Pick<Service, 'JobStatus'>, at: string): JobStatus {
  const before = iterationOf(service);
  return { JobIteration: { Index: before === undefined ? 0 : before + 1 }, LastExecution: at };
}

/** A task of the job's present run that has done its work. */
export const isResult = (service: Pick<Service, 'JobStatus'>, task: Task): boolean =>
  task.shoal.iteration !== undefined &&
  task.shoal.iteration === iterationOf(service) &&
  stateOf(task) === 'complete';

/** A job's task that has done its work is not started again, whatever the policy says, as in Swarm. */
export const jobRestartPolicy = (
  policy: RestartPolicy | null | undefined,
): RestartPolicy & { readonly Condition: 'none' | 'on-failure' } => ({
  ...policy,
  Condition: policy?.Condition === 'none' ? 'none' : 'on-failure',
});
