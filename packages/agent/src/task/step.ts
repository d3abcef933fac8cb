import type { Assignment, TaskAttachment } from '@shoal/proto';
import type { DesiredState } from '@shoal/proto/rules';
import { bodyOf, stopTimeoutMs } from './body.ts';
import type { CanaryAnswers } from './canary.ts';
import type { Check, Container, ContainerLimits, Question } from './container.ts';
import { unhealthyText } from './ends.ts';
import type { Probing } from './probing.ts';
import type { Readiness } from './readiness.ts';
import type { Status } from './status.ts';

/** `gone`: the manager no longer knows the task, or never did. */
export type Wanted = DesiredState | 'gone';

/** What the agent remembers of a task beside its container. */
export interface Memory {
  /** What was said last. */
  readonly status: Status;
  /** The manager has accepted it. */
  readonly told: boolean;
  /** Something happened since the container was looked at. */
  readonly stale: boolean;
  /** Pulling was tried. When it failed, a copy on this host is used if there is one, as Swarm does. */
  readonly pulled?: { readonly error: string };
  /** The daemon's reason to refuse creating or starting the container for good. */
  readonly refused?: string;
  /** Why its container was, or is being, stopped for its health: what is seen of that afterwards says less. */
  readonly unhealthy?: string;
  /** What its container wrote last before it failed; absent until that was looked for. */
  readonly lastLines?: string;
  /** What came of its health check, as this agent ran it itself. */
  readonly probing?: Probing;
  readonly readiness?: Readiness;
  readonly canary?: CanaryAnswers;
  /** The daemon, which keeps no containers without itself, went away while the container ran. */
  readonly unwatched?: true;
  /** The latest limits that the daemon was asked to give the present container. */
  readonly limits?: Limiting;
}

export interface Limiting {
  readonly asked: ContainerLimits;
  /** Why it keeps those it had. */
  readonly refused?: string;
}

export interface TaskView {
  readonly wanted: Wanted;
  /** Absent for a container left over from a task nobody knows. */
  readonly assignment?: Assignment;
  readonly container?: Container;
  readonly memory: Memory;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Since when there is no contact with the manager; Infinity while it was not even tried. */
  readonly aloneSince?: number;
  /** What is wanted is what the manager said in the present session. */
  readonly isCurrent: boolean;
  /** Until when isolated tasks may run. */
  readonly leaseUntil: number;
  /** It has secrets or configs, and this host was not told yet what they hold. */
  readonly lacksFiles: boolean;
}

/** A task as hosts know it that send traffic to it. */
export type Endpoint = Pick<Assignment, 'taskId' | 'serviceId'>;

export interface Drain {
  readonly attachments: readonly TaskAttachment[];
  readonly ms: number;
}

interface StepArgs {
  observe: object;
  pull: { readonly image: string; readonly auth: string };
  create: { readonly assignment: Assignment; readonly pullError: string };
  start: { readonly id: string };
  probe: { readonly id: string; readonly check: Check };
  ask: {
    readonly container: Container;
    readonly question: Question;
    readonly about: 'readiness' | 'canary';
  };
  limit: { readonly id: string; readonly limits: ContainerLimits; readonly present: ContainerLimits };
  /**
   * `withdrawal`: first, all hosts stop giving it traffic. `drain`: open connections may finish, and
   * closed ones are forgotten. `isolated`: it is over when it takes longer than it may, and when the daemon does not
   * answer, too. `unhealthy`: the reason, where that is its health.
   */
  stop: {
    readonly id: string;
    readonly timeoutMs: number;
    readonly unhealthy?: string;
    readonly withdrawal?: Endpoint;
    readonly drain?: Drain;
    readonly isolated?: true;
  };
  readLog: { readonly id: string };
  remove: { readonly id: string };
}
export type Action = keyof StepArgs;
/** One thing to do now; what follows is planned again after a look at its result. */
export type StepOf<A extends Action> = { readonly action: A } & StepArgs[A];
export type Step = { [A in Action]: StepOf<A> }[Action];

export type Plan =
  | { readonly kind: 'step'; readonly step: Step; readonly status: Status }
  /** `until`: when to plan again although nothing happens. */
  | { readonly kind: 'wait'; readonly reason: string; readonly status: Status; readonly until?: number }
  /** Nothing is left of the task. */
  | { readonly kind: 'forget' };

/** Connections to a task that works are worth waiting for, when it is asked to stop; those to an unhealthy one are not. */
export function stop(container: Container, assignment?: Assignment): StepOf<'stop'> {
  const { id, phase, health } = container;
  const isUnhealthy = health === 'unhealthy';
  const isolated = assignment?.isolated === true && { isolated: true as const };
  const unhealthy = isUnhealthy && { unhealthy: unhealthyText(container.lastProbe) };
  // Its service may have got another one since the container was made.
  const timeoutMs = assignment ? stopTimeoutMs(bodyOf(assignment)) : container.stopTimeoutMs;
  const base = { action: 'stop', id, timeoutMs, ...isolated, ...unhealthy } as const;
  if (!assignment || assignment.attachments.length === 0) return base;
  const { taskId, serviceId, attachments, drainMs } = assignment;
  return {
    ...base,
    ...(isUnhealthy && { withdrawal: { taskId, serviceId } }),
    ...(phase === 'running' && { drain: { attachments, ms: isUnhealthy ? 0 : drainMs } }),
  };
}
