import {
  compareStates,
  type DesiredState,
  isTerminal,
  isWantedState,
  type TaskState,
} from '@shoal/proto/rules';
import { type Static, Type } from 'typebox';
import { GenericResource, metaSchemas, type PortConfig, PortConfig as PortConfigSchema } from './common.ts';
import type { TaskAttachment } from './network.ts';
import { isDown, type Node } from './node.ts';
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

/** What was known when the task got its node. */
export interface Placed {
  readonly at: string;
  /** Of the chosen node, by name of the score. */
  readonly scores: Readonly<Record<string, number>>;
  /** Its volumes whose content is on another host; absent when there is none. */
  readonly leftBehind?: readonly LeftVolume[];
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
  /** With `service:NAME`: the task whose network it shares. It is set before the task gets its node. */
  readonly companion?: Companion;
  /** Its addresses, one per network once it is placed and there is room for it on each. */
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
  readonly placement?: Placed;
  readonly pending?: readonly PendingReason[];
}

export interface ContainerStatus {
  readonly ContainerID: string;
  readonly PID: number;
  readonly ExitCode: number;
}

/** Observed by the agent (by the manager up to `assigned`). */
export interface ObservedStatus {
  readonly Timestamp: string;
  readonly State: TaskState;
  readonly Message?: string;
  readonly Err?: string;
  /** It failed for want of memory. */
  readonly OOMKilled?: true;
  /** It failed because its host's daemon refused to start the container. */
  readonly startRefused?: true;
  /** Its host stopped it for want of contact with the manager. */
  readonly cutOff?: true;
  /** It runs with the limits it had: why its daemon refused those that its service has got since. */
  readonly limitsRefused?: string;
  readonly ContainerStatus?: ContainerStatus;
  readonly PortStatus: { readonly Ports?: readonly PortConfig[] };
}

/** A task as stored: one attempt to run one container. It is never moved or restarted; another one replaces it. */
export interface Task {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Spec: TaskSpec;
  readonly ServiceID: string;
  /** 1, 2, … for replicated services; absent for global ones, whose slot is the node. */
  readonly Slot?: number;
  /** Empty until placed. For global services it is set from the start. */
  readonly NodeID?: string;
  readonly Status: ObservedStatus;
  readonly DesiredState: DesiredState;
  /** Generic resources handed to this task on its node, named ones by their value. */
  readonly GenericResources?: readonly GenericResource[];
  readonly shoal: TaskInternals;
}

/** Its host refused its image, a mount, a device or the like: nothing of it ran. */
export const isRefused = ({ Status }: Task): boolean =>
  Status.State === 'rejected' || Status.startRefused === true;

/** It is meant to run, or to be ready to; otherwise only to end. */
export const isWanted = ({ DesiredState }: Pick<Task, 'DesiredState'>): boolean =>
  isWantedState(DesiredState);

/** The version that a task was of when it ended: what its end says, it says of that one. */
export const versionAtEnd = ({ shoal }: Task): number => shoal.endedAs ?? shoal.specVersion;

/** What tells tasks of a service apart in their names: the slot number, or the node for global services. */
export const slotOf = ({ Slot, NodeID }: Pick<Task, 'Slot' | 'NodeID'>): string =>
  String(Slot ?? NodeID ?? '');

/** Slot number, or node for global services: what a replacement takes over. */
export const slotKey = (task: Task): string =>
  task.Slot === undefined ? `node:${task.NodeID ?? ''}` : `slot:${task.Slot}`;

/**
 * A task's state as far as it is known. On a node that is down, or that is gone, nobody can tell whether it still runs:
 * there it is `orphaned`, Docker's word for that. It is its old self again once the node is heard.
 */
export function knownState(
  { NodeID, Status }: Pick<Task, 'NodeID' | 'Status'>,
  nodes: { get(id: string): Node | undefined },
): TaskState {
  const { State } = Status;
  if (!NodeID || isTerminal(State) || compareStates(State, 'assigned') < 0) return State;
  return isDown(nodes.get(NodeID)) ? 'orphaned' : State;
}
