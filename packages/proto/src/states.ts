import { DesiredState, TaskState } from './gen/shoal/v1/agent.ts';
import type { DesiredState as DesiredStateName, TaskState as TaskStateName } from './rules/index.ts';

/** Names of the states on both sides of the wire; code outside this package never sees the numbers. */
const observed = {
  accepted: TaskState.TASK_STATE_ACCEPTED,
  preparing: TaskState.TASK_STATE_PREPARING,
  ready: TaskState.TASK_STATE_READY,
  starting: TaskState.TASK_STATE_STARTING,
  running: TaskState.TASK_STATE_RUNNING,
  complete: TaskState.TASK_STATE_COMPLETE,
  shutdown: TaskState.TASK_STATE_SHUTDOWN,
  failed: TaskState.TASK_STATE_FAILED,
  rejected: TaskState.TASK_STATE_REJECTED,
} as const satisfies Partial<Record<TaskStateName, TaskState>>;

const desired: Readonly<Record<DesiredStateName, DesiredState>> = {
  ready: DesiredState.DESIRED_STATE_READY,
  running: DesiredState.DESIRED_STATE_RUNNING,
  shutdown: DesiredState.DESIRED_STATE_SHUTDOWN,
  remove: DesiredState.DESIRED_STATE_REMOVE,
};

/** A state the agent reports. */
export type ObservedStateName = keyof typeof observed;

export const encodeObserved = (name: ObservedStateName): TaskState => observed[name];
export const encodeDesired = (name: DesiredStateName): DesiredState => desired[name];

/** Undefined for a number this version does not know. */
export const decodeObserved = (value: TaskState): ObservedStateName | undefined => nameOf(observed, value);
export const decodeDesired = (value: DesiredState): DesiredStateName | undefined => nameOf(desired, value);

function nameOf<N extends string>(table: Readonly<Record<N, number>>, value: number): N | undefined {
  return (Object.keys(table) as N[]).find((name) => table[name] === value);
}
