import {
  type ContainerStatus,
  decodeObserved,
  encodeObserved,
  type ObservedStateName,
  type Port,
  type OwnRestarts as ProtoRestarts,
  type TaskStatus,
} from '@shoal/proto';
import { compareStates, isTerminal } from '@shoal/proto/rules';
import type { Container } from './container.ts';
import type { OwnRestarts } from './own-restarts.ts';

/** What the agent says about a task. */
export interface Status {
  readonly state: ObservedStateName;
  readonly message: string;
  /** What is wrong; of a running task: why it must get no traffic. */
  readonly err: string;
  readonly container?: ContainerStatus;
  readonly ports: readonly Port[];
  /** Of a task that failed: what its container wrote last. */
  readonly lastLines?: string;
  /** Of a running task that is asked for a canary: what its answers say. */
  readonly canary?: 'passed' | 'failed';
  /** It runs, and is about to be stopped for its health. */
  readonly unhealthy?: true;
  /** It failed for want of memory. */
  readonly oomKilled?: true;
  /** It failed because the daemon refused to start its container. */
  readonly startRefused?: true;
  /** Absent when there were none. */
  readonly own?: OwnRestarts;
  /** It was stopped for want of contact with the manager. */
  readonly cutOff?: true;
  /** Of a running task: why its container keeps the limits it had. */
  readonly limitsRefused?: string;
}

/** Docker's words for a state (`Status.Message` of a task). */
const messages: Readonly<Record<ObservedStateName, string>> = {
  accepted: 'accepted',
  preparing: 'preparing',
  ready: 'prepared',
  starting: 'starting',
  running: 'started',
  complete: 'finished',
  shutdown: 'shutdown',
  failed: 'started',
  rejected: 'preparing',
};

/** It has ended, or runs and is unhealthy: it may get no traffic, whatever the manager knew before. */
export const isUnfit = ({ state, err }: Pick<Status, 'state' | 'err'>): boolean =>
  isTerminal(state) || err !== '';

export const statusOf = (state: ObservedStateName, more: Partial<Status> = {}): Status => ({
  state,
  message: messages[state],
  err: '',
  ports: [],
  ...more,
});

/** What is said of a task whose container is there. */
export const alive = ({ id, pid, ports }: Container): Partial<Status> => ({
  container: { id, pid, exitCode: 0 },
  ports,
});

/** `next`, unless that would go back or change an end. */
export const advance = (previous: Status, next: Status): Status =>
  isTerminal(previous.state) || compareStates(next.state, previous.state) < 0 ? previous : next;

export const toTaskStatus = (taskId: string, status: Status, timeMs: number): TaskStatus => ({
  taskId,
  state: encodeObserved(status.state),
  timeMs,
  message: status.message,
  err: status.err,
  container: status.container,
  ports: [...status.ports],
  own: status.own && toProtoRestarts(status.own),
  cutOff: status.cutOff ?? false,
  oomKilled: status.oomKilled ?? false,
  startRefused: status.startRefused ?? false,
  limitsRefused: status.limitsRefused ?? '',
  lastLines: status.lastLines ?? '',
  canaryPassed: status.canary === 'passed',
  canaryFailed: status.canary === 'failed',
  unhealthy: status.unhealthy ?? false,
});

export const fromTaskStatus = ({
  state,
  message,
  err,
  container,
  ports,
  own,
  cutOff,
  oomKilled,
  startRefused,
  limitsRefused,
  lastLines,
  canaryPassed,
  canaryFailed,
  unhealthy,
}: TaskStatus): Status => ({
  state: decodeObserved(state) ?? 'accepted',
  message,
  err,
  ports,
  ...(container && { container }),
  ...(oomKilled && { oomKilled }),
  ...(startRefused && { startRefused }),
  ...(own && { own: fromProtoRestarts(own) }),
  ...(cutOff && { cutOff }),
  ...(limitsRefused && { limitsRefused }),
  ...(lastLines && { lastLines }),
  ...(canaryPassed && { canary: 'passed' }),
  ...(canaryFailed && { canary: 'failed' }),
  ...(unhealthy && { unhealthy }),
});

const toProtoRestarts = (own: OwnRestarts): ProtoRestarts => ({
  count: own.count,
  attempts: own.attempts.map(Math.round),
  failures: own.failures,
  startedAt: own.startedAt && Math.round(own.startedAt),
  endedAt: own.endedAt && Math.round(own.endedAt),
  withHost: own.withHost ?? false,
});

const fromProtoRestarts = (own: ProtoRestarts): OwnRestarts => ({
  count: own.count,
  attempts: own.attempts,
  failures: own.failures,
  ...(own.startedAt !== undefined && { startedAt: own.startedAt }),
  ...(own.endedAt !== undefined && { endedAt: own.endedAt }),
  ...(own.withHost && { withHost: true }),
});
