/**
 * States of a task, in the one direction they may move. Names and order are Swarm's
 * (moby/swarmkit api/types.proto). Of two observations of one task, the later in this list is right.
 */
export const taskStates = [
  'new',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'remove',
  'orphaned',
] as const;
export type TaskState = (typeof taskStates)[number];

const rank = new Map<TaskState, number>(taskStates.map((state, index) => [state, index]));

/** Negative when `a` comes before `b` in a task's life. */
export const compareStates = (a: TaskState, b: TaskState): number => (rank.get(a) ?? 0) - (rank.get(b) ?? 0);

/** The task's container will never run again. */
export const isTerminal = (state: TaskState): boolean => compareStates(state, 'running') > 0;

/** What the manager may want of a task. `ready`: prepared, but not started yet. */
export type DesiredState = 'ready' | 'running' | 'shutdown' | 'remove';

/** It is meant to run, or to be ready to; otherwise only to end. */
export const isWantedState = (desired: DesiredState): boolean => desired === 'ready' || desired === 'running';
