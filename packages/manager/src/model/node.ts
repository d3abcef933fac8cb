import { type Static, Type } from 'typebox';
import { metaSchemas, Platform, Resources, type SpecHistory } from './common.ts';
import type { Falls } from './falls.ts';
import type { Listener } from './listeners.ts';
import { object, oneOf, opt, stringMap } from './schema.ts';

export const NodeSpec = object({
  Name: opt(Type.String()),
  Labels: opt(stringMap),
  Role: opt(oneOf('worker', 'manager')),
  Availability: opt(oneOf('active', 'pause', 'drain')),
});
export type NodeSpec = Static<typeof NodeSpec>;

export const NodeDescription = object({
  Hostname: opt(Type.String()),
  Platform: opt(Platform),
  Resources: opt(Resources),
  Engine: opt(
    object({
      EngineVersion: opt(Type.String()),
      Labels: opt(stringMap),
      Plugins: opt(Type.Array(object({ Type: opt(Type.String()), Name: opt(Type.String()) }))),
    }),
  ),
  TLSInfo: opt(Type.Object({})),
});
export type NodeDescription = Static<typeof NodeDescription>;

export const nodeStates = ['unknown', 'down', 'ready', 'disconnected'] as const;
export const NodeStatus = object({
  State: oneOf('unknown', 'down', 'ready', 'disconnected'),
  Message: opt(Type.String()),
  Addr: opt(Type.String()),
});
export type NodeStatus = Static<typeof NodeStatus>;

export const ManagerStatus = object({
  Leader: opt(Type.Boolean()),
  Reachability: opt(oneOf('unknown', 'unreachable', 'reachable')),
  Addr: opt(Type.String()),
});

/** A node as Docker's API shows it. */
export const ApiNode = object({
  ...metaSchemas,
  Spec: NodeSpec,
  Description: NodeDescription,
  Status: NodeStatus,
  ManagerStatus: opt(ManagerStatus),
});
export type ApiNode = Static<typeof ApiNode>;

/** Something that a host is short of, or why else it should get no new tasks. */
export interface Pressure {
  /** `memory`, `disk`, `inodes`, `pids`, `journal` or `daemon`; a newer agent may know more. */
  readonly kind: string;
  /** For people, e.g. `short of memory: 42 MiB available of 2 GiB`. */
  readonly message: string;
}

/**
 * `running`: tasks that may run only with a lease may run still. `over`: none does any more. `unsure`: its host
 * answers without its agent, so nobody can have stopped them.
 */
export type Leases = 'running' | 'over' | 'unsure';

export interface Underlay {
  /** IPv4: the host's own, and those of the manager, its resolvers and its gateways as it sees them. */
  readonly addresses: readonly string[];
  /** Of the host's links, CIDR: first of the one that has the host's address. */
  readonly subnets: readonly string[];
  /** Of Docker's default bridge, CIDR: Docker gives it up for a network that overlaps it. Absent for none. */
  readonly defaultBridge?: string;
}

/** `why` in words, e.g. `network shop (10.7.0.0/20) covers 10.7.0.1, which node h4 needs`. */
export interface ClosedNetwork {
  readonly networkId: string;
  readonly why: string;
}

export interface NodeInternals extends SpecHistory {
  /** Small and unique (1 … 65,535): the host's address inside the overlay derives from it. */
  readonly number: number;
  /** WireGuard public key for encrypted networks, base64, as the agent told it. */
  readonly key?: string;
  /** TCP port at which its host answers probes; none, and the host can't be told from its agent. */
  readonly probePort?: number;
  /** What no network may cover, or its host is cut off; absent if its agent is older. */
  readonly underlay?: Underlay;
  /** Networks that cover what the host needs: it has no part of them. Absent for none. */
  readonly closedTo?: readonly ClosedNetwork[];
  /** Only while it is down because it is not heard: what became of its isolated tasks. */
  readonly leases?: Leases;
  /** References (`name:tag`, `name@digest`, ids) of images present on the node, newest first, bounded. */
  readonly images: readonly string[];
  /** What its host is short of; absent when that is nothing. While it is there, the node gets no new tasks. */
  readonly pressures?: readonly Pressure[];
  /** What listens on the host itself, of the kinds that a published port would take over; absent when nothing does. */
  readonly listeners?: readonly Listener[];
  /** Absent for a node that never went down. */
  readonly falls?: Falls;
}

/** A node as stored. */
export interface Node {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly Spec: NodeSpec;
  readonly Description: NodeDescription;
  readonly Status: NodeStatus;
  readonly ManagerStatus?: Static<typeof ManagerStatus>;
  readonly shoal: NodeInternals;
}

const shortages = ['memory', 'disk', 'inodes', 'pids'];

/** Kinds of what its host has too little of: with less tasks there will be more. */
export const shortOf = ({ shoal: { pressures = [] } }: Node): string[] =>
  pressures.map(({ kind }) => kind).filter((kind) => shortages.includes(kind));

/** In one line; undefined for a host that is short of nothing. */
export const pressureText = ({ shoal: { pressures } }: Node): string | undefined =>
  pressures && `the host is ${pressures.map(({ message }) => message).join('; ')}`;
