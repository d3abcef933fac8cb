import { type Static, Type } from 'typebox';
import { metaSchemas, Platform, Resources, type SpecHistory } from './common.ts';
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
  TLSInfo: opt(
    object({
      TrustRoot: opt(Type.String()),
      CertIssuerSubject: opt(Type.String()),
      CertIssuerPublicKey: opt(Type.String()),
    }),
  ),
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

/** What its agent said of it last. Written by the agents' room alone. */
export interface Reported {
  readonly description: NodeDescription;
  /** Where other hosts reach it; empty when its agent does not know. */
  readonly address: string;
  /** Why it can run nothing, e.g. its daemon is dead; absent when all is well. */
  readonly trouble?: string;
  /** Its host runs the manager process. */
  readonly runsManager?: true;
  /** WireGuard public key for encrypted networks, base64. */
  readonly key?: string;
  /** TCP port at which its host answers probes; none, and the host can't be told from its agent. */
  readonly probePort?: number;
  /** What no network may cover, or its host is cut off; absent if its agent did not tell. */
  readonly underlay?: Underlay;
  /** References (`name:tag`, `name@digest`, ids) of images present on the node, newest first, bounded. */
  readonly images: readonly string[];
  /** What its host is short of; absent when that is nothing. While it is there, the node gets no new tasks. */
  readonly pressures?: readonly Pressure[];
  /** Which protocol its agent speaks; absent if it has not come since managers remember that. */
  readonly protocol?: number;
  /** What listens on the host itself, of the kinds that a published port would take over; absent when nothing does. */
  readonly listeners?: readonly Listener[];
}

/** What liveness makes of how long it has not been heard. Written by liveness alone. */
export interface Judged {
  readonly state: 'heard' | 'disconnected' | 'down';
  /** The evidence in words; absent while it is heard. */
  readonly why?: string;
  /** Only while it is down because it is not heard: what became of its isolated tasks. */
  readonly leases?: Leases;
}

/** What the node was given when it joined. */
export interface Allotted {
  /** Small and unique (1 … 65,535): the host's address inside the overlay derives from it. */
  readonly number: number;
  /** SHA-256, hexadecimal, of the public key that it joined with: it may ask again when the answer was lost. */
  readonly keyHash: string;
  /** Digest of the root of the newest certificate that its agent has shown; until then of the one that it was to get. */
  readonly signedBy: string;
  /** Networks that cover what the host needs: it has no part of them. Absent for none. */
  readonly closedTo?: readonly ClosedNetwork[];
}

/** What is remembered of how a node comes and goes; see `flapping.ts` for what follows from it. */
export interface Flapping {
  /** How often in a row it went down: each time soon after it had come back, and rested. 0: it never did. */
  readonly falls: number;
  /** When it came back (ms since the epoch); absent while it is down. */
  readonly backAt?: number;
  /** Its host is short of something. */
  readonly short?: true;
  /** When its host last ceased to be (ms since the epoch). */
  readonly relievedAt?: number;
}

/** A node as stored, in parts of which each has one writer. What Docker calls its status is derived: `nodeStatus`. */
export interface Node extends SpecHistory {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  /** What people want of it. */
  readonly Spec: NodeSpec;
  readonly reported: Reported;
  readonly judged: Judged;
  readonly allotted: Allotted;
  /** Absent for a node that never went down, nor was short of anything. Written by liveness. */
  readonly flapping?: Flapping;
}

type Known = Pick<Node, 'reported' | 'judged'>;

export function nodeState({ reported, judged }: Known): NodeStatus['State'] {
  if (judged.state === 'down' || reported.trouble !== undefined) return 'down';
  return judged.state === 'heard' ? 'ready' : 'disconnected';
}

/** It takes tasks, as far as its agent and liveness are concerned. */
export const isReady = (node: Known | undefined): boolean =>
  node !== undefined && nodeState(node) === 'ready';

/** Nobody can tell what runs there; that goes for a node that is gone, too. */
export const isDown = (node: Known | undefined): boolean => node === undefined || nodeState(node) === 'down';

/** What is wrong with the node in one line; undefined when it is ready. What its agent itself told comes first. */
export const nodeTrouble = ({ reported, judged }: Known): string | undefined =>
  reported.trouble ?? judged.why;

/** Docker's Status. */
export function nodeStatus(node: Known): NodeStatus {
  const trouble = nodeTrouble(node);
  return {
    State: nodeState(node),
    ...(trouble !== undefined && { Message: trouble }),
    Addr: node.reported.address,
  };
}

/** Docker's Role: a node is a manager when its host runs the manager process, and not because somebody wants it. */
export const roleOf = ({ reported }: Pick<Node, 'reported'>): 'worker' | 'manager' =>
  reported.runsManager ? 'manager' : 'worker';

/** As the node calls itself; by its id until it has said so. */
export const hostnameOf = ({ ID, reported }: Pick<Node, 'ID' | 'reported'>): string =>
  reported.description.Hostname || ID;

const shortages = ['memory', 'disk', 'inodes', 'pids'];

/** Kinds of what its host has too little of: with less tasks there will be more. */
export const shortOf = ({ reported: { pressures = [] } }: Node): string[] =>
  pressures.map(({ kind }) => kind).filter((kind) => shortages.includes(kind));

/** In one line; undefined for a host that is short of nothing. */
export const pressureText = ({ reported: { pressures } }: Node): string | undefined =>
  pressures && `the host is ${pressures.map(({ message }) => message).join('; ')}`;
