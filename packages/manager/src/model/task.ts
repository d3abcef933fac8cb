import { type DesiredState, isWantedState, type TaskState } from '@shoal/proto/rules';
import { type Static, Type } from 'typebox';
import { GenericResource, metaSchemas, type PortConfig, PortConfig as PortConfigSchema } from './common.ts';
import type { HostAccess } from './host-access.ts';
import type { TaskAttachment } from './network.ts';
import { object, opt, stringMap } from './schema.ts';
import { TaskSpec } from './service.ts';

export const TaskStatus = object({
  Timestamp: Type.String(),
  State: Type.String(),
  Message: opt(Type.String()),
  Err: opt(Type.String()),
  OOMKilled: opt(
    Type.Boolean({ description: "The kernel killed it for want of memory; not one of Docker's fields" }),
  ),
  ContainerStatus: opt(object({ ContainerID: Type.String(), PID: Type.Integer(), ExitCode: Type.Integer() })),
  PortStatus: object({ Ports: opt(Type.Array(PortConfigSchema)) }),
});

/** A task as Docker's API shows it. */
export const ApiTask = object({
  ...metaSchemas,
  Labels: stringMap,
  Spec: TaskSpec,
  ServiceID: opt(Type.String()),
  Slot: opt(Type.Integer()),
  NodeID: opt(Type.String()),
  Status: TaskStatus,
  DesiredState: Type.String(),
  NetworksAttachments: opt(Type.Array(Type.Object({}))),
  GenericResources: opt(Type.Array(GenericResource)),
  Volumes: opt(Type.Array(Type.Object({}))),
  JobIteration: opt(object({ Index: Type.Integer() })),
});
export type ApiTask = Static<typeof ApiTask>;

/** Why no node took a task: one row a filter that said no, with the number of nodes it refused. */
export interface PendingReason {
  readonly filter: string;
  readonly nodes: number;
  /** What the nodes lack, by name: resources, or constraints that don't hold. Absent where the filter says it all. */
  readonly missing?: readonly string[];
  /** In plain words, e.g. `insufficient resources on 3 nodes: 2 CPUs needed, the most that is free is 1.5 on h2`. */
  readonly text: string;
}

/** What the scheduler gave the task, and what was known then. It has its node since. */
export interface Placed {
  readonly at: string;
  /** Generic resources handed to it on its node, named ones by their value. Absent for none. */
  readonly genericResources?: readonly GenericResource[];
  /** Of the chosen node, by name of the score. */
  readonly scores: Readonly<Record<string, number>>;
  /** Its volumes whose content is on another host; absent when there is none. */
  readonly leftBehind?: readonly LeftVolume[];
}

/** That the scheduler looked for a node and found none. */
export interface Unplaced {
  readonly at: string;
  /** The task's specVersion that was looked at: of another one it says nothing. */
  readonly specVersion: number;
  readonly reasons: readonly PendingReason[];
}

/** A volume that the task's slot used on another host before. */
export interface LeftVolume {
  readonly volume: string;
  /** Name of the host that has what was written to it. */
  readonly host: string;
}

/** Why the orchestrator asked a task to stop before it ended by itself. */
export type StopReason =
  | 'replaced'
  | 'companion-ended'
  | 'surplus'
  | 'rebalanced'
  | 'node-pressure'
  | 'preempted'
  | 'move-failed'
  | 'next-host'
  | 'node-down'
  | 'no-contact'
  | 'node-gone'
  | 'node-drained'
  | 'node-unfit';

/** A running task that shares its network with another one on its node. */
export interface Companion {
  readonly taskId: string;
  readonly nodeId: string;
  /** Name of its container. */
  readonly container: string;
}

/** The other half of an exchange, in which tasks of two services move into each other's room. */
export interface Exchange {
  /** The other one's new task. */
  readonly next: string;
  /** The task whose room is taken, once it has ended. */
  readonly old: string;
  /** The service of both. */
  readonly serviceId: string;
  /** The slot of both. */
  readonly slot: number;
}

/** What Shoal keeps about a task beside Docker's fields. */
export interface TaskInternals {
  /** The service's specVersion this task was made from. */
  readonly specVersion: number;
  /** Of a job's task: the run it belongs to, Docker's JobIteration. */
  readonly iteration?: number;
  /** The version that it was of when it ended, where it counts among the tasks of another one since. */
  readonly endedAs?: number;
  /** Its resources before it got those of its spec without a new container: what it has when they are refused. */
  readonly resourcesBefore?: TaskSpec['Resources'];
  /** Limits that its daemon did not give its container, and why: it has to be replaced for them. */
  readonly refused?: { readonly resources: TaskSpec['Resources']; readonly why: string };
  /** Ports with publish mode `host` that the task needs on its node. */
  readonly ports: readonly PortConfig[];
  /** Networks it joins: those of its service when it was made. Absent for none. */
  readonly networks?: readonly string[];
  /** `host`, `none`, `bridge` (the daemon's own), or `service:NAME` to share that task's; instead of networks. */
  readonly networkMode?: string;
  /** What it gets of its host; absent for nothing. */
  readonly hostAccess?: HostAccess;
  /** With `service:NAME`: the task whose network it shares, beside which the scheduler puts it. */
  readonly companion?: Companion;
  /** As long as it may not start for want of another service (`shoal.depends-on`): for what, in words. */
  readonly awaits?: string;
  /** With `service:NAME`, as long as there is no such task: what it waits for, in words. */
  readonly lacksCompanion?: string;
  /** Its addresses, one per network once it is placed and there is room for it on each. Written by the allocator alone. */
  readonly attachments?: readonly TaskAttachment[];
  /** A restarted task is prepared at once but started only then (ms since the epoch); desired is `ready` until. */
  readonly startAfter?: number;
  /** It starts only once the other tasks of its slot have ended; so the room that they hold is its own. */
  readonly stopFirst?: true;
  /** How many quick failures in a row came before this task in its slot: the back-off's exponent. */
  readonly failures?: number;
  /** How many hosts that refused the tasks before this one in its slot were followed by the next at once; ends when one runs. */
  readonly refusals?: number;
  /** When it was first seen running (ms since the epoch); stays when it has ended. */
  readonly runningSince?: number;
  /** Absent while it is wanted, and when it ended by itself. */
  readonly stopReason?: StopReason;
  /** It may run only while its node is in contact with the manager: at most once in its place. */
  readonly isolated?: true;
  /** It ran when its node went down and may run still: it is not told to stop before that node is heard again. */
  readonly orphaned?: true;
  /** When its node came back with it (ms since the epoch), and nothing else had taken its place yet. */
  readonly returnedAt?: number;
  /** The task that stops once this one runs, so that the service is spread more evenly. */
  readonly moves?: string;
  /** With `moves`, where there is no room for one task more: with what it changes places. */
  readonly exchange?: Exchange;
  /** With `moves`: the kinds of pressure that the node of the other task is under. Absent when it moves for evenness. */
  readonly relieves?: readonly string[];
  /** The task whose place it takes in a rolling update: it counts against Parallelism until it runs or ends. */
  readonly replaces?: string;
}

export interface ContainerStatus {
  readonly ContainerID: string;
  readonly PID: number;
  readonly ExitCode: number;
}

/** States that agents report; those before are the manager's. */
export type ObservedState = Exclude<TaskState, 'new' | 'pending' | 'assigned' | 'remove' | 'orphaned'>;

/** What its agent said of it last. Written by the agents' room alone. */
export interface Observed {
  readonly state: ObservedState;
  /** When it came into that state, by the manager's clock. */
  readonly at: string;
  readonly message?: string;
  /** Why it failed; of one that runs: why it gets no traffic. */
  readonly err?: string;
  /** It runs, but its health check has failed: its host is about to stop it. */
  readonly unhealthy?: true;
  /** What its host's questions say of one that is among the first of an update by canary. */
  readonly canary?: 'passed' | 'failed';
  /** Of one that runs, and gets no traffic: since when. */
  readonly unfitSince?: string;
  /** The end of what its container wrote before it failed. */
  readonly lastLines?: string;
  /** It failed for want of memory. */
  readonly oomKilled?: true;
  /** It failed because its host's daemon refused to start the container. */
  readonly startRefused?: true;
  /** Its host stopped it for want of contact with the manager. */
  readonly cutOff?: true;
  /** It runs with the limits it had, since its daemon refused those of `specVersion`. */
  readonly limitsRefused?: { readonly why: string; readonly specVersion: number };
  readonly container?: ContainerStatus;
  /** With publish mode `host`, as they are published there. Absent for none. */
  readonly ports?: readonly PortConfig[];
}

/**
 * A task as stored: one attempt to run one container. It is never moved or restarted; another one replaces it. Each part
 * has one writer; what Docker calls its status is derived: `taskStatus`, `stateOf`.
 */
export interface Task {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Spec: TaskSpec;
  readonly ServiceID: string;
  /** 1, 2, … for replicated services, 0, 1, … for replicated jobs; absent for global ones, whose slot is the node. */
  readonly Slot?: number;
  /** Of one that belongs to a node from the start: that one; else absent until the scheduler has placed it. */
  readonly NodeID?: string;
  readonly DesiredState: DesiredState;
  readonly shoal: TaskInternals;
  /** Absent as long as it has no node, and `unplaced` once it has; both written by the scheduler alone. */
  readonly placement?: Placed;
  readonly unplaced?: Unplaced;
  /** Why it gets no address on its node, in words. Written by the allocator alone. */
  readonly unaddressed?: string;
  /** Absent until its agent has heard of it. */
  readonly observed?: Observed;
  /** When people removed its node, which it outlived: nobody will say any more what became of it. */
  readonly nodeRemovedAt?: string;
}

/** It is meant to run, or to be ready to; otherwise only to end. */
export const isWanted = ({ DesiredState }: Pick<Task, 'DesiredState'>): boolean =>
  isWantedState(DesiredState);

/** The version that a task was of when it ended: what its end says, it says of that one. */
export const versionAtEnd = ({ shoal }: Task): number => shoal.endedAs ?? shoal.specVersion;

/** What tells tasks of a service apart in their names: the slot number, or the node for global services. */
export const slotOf = ({ Slot, NodeID }: Pick<Task, 'Slot' | 'NodeID'>): string =>
  String(Slot ?? NodeID ?? '');

/** Slot number, or node for global services: what a replacement takes over. */
export const slotKey = (task: Pick<Task, 'Slot' | 'NodeID'>): string =>
  task.Slot === undefined ? `node:${task.NodeID ?? ''}` : `slot:${task.Slot}`;
