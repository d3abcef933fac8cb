/** Builders for tests: whole, valid objects of which a test names only what it is about. */
import { protocolVersion } from '@shoal/proto/rules';
import {
  type Cluster,
  type Content,
  type Node,
  type Observed,
  type Payload,
  type Sealed,
  type Service,
  stateOf,
  stateSince,
  type Task,
  type TaskState,
} from './model/index.ts';

const unstored = { Version: { Index: 0 }, CreatedAt: '', UpdatedAt: '' };

const nothingSealed = '' as Sealed;
const noIssuer = { subject: '', publicKey: '' };

/** With an authority that nobody asks for anything. */
export const aCluster = (change: Partial<Cluster> = {}): Cluster => ({
  ...unstored,
  ID: 'c',
  trust: {
    root: { certificate: '', digest: '', key: nothingSealed, issuer: noIssuer },
    joinSecrets: { worker: nothingSealed, manager: nothingSealed },
    nodeCertExpiryMs: 90 * 24 * 60 * 60 * 1_000,
    forceRotate: 0,
  },
  sealing: { id: '', dataKey: '' },
  TaskHistoryRetentionLimit: 5,
  ...change,
});

/** Of `reported` and `allotted` a test names only what is not as usual. */
export type NodeChange = Partial<Omit<Node, 'reported' | 'allotted'>> & {
  readonly reported?: Partial<Node['reported']>;
  readonly allotted?: Partial<Node['allotted']>;
};

export const aNode = (id: string, { reported, allotted, ...change }: NodeChange = {}): Node => ({
  ...unstored,
  ID: id,
  Spec: { Availability: 'active', Labels: {} },
  reported: {
    description: {
      Hostname: id,
      Platform: { OS: 'linux', Architecture: 'x86_64' },
      Resources: { NanoCPUs: 2e9, MemoryBytes: 4 * 2 ** 30 },
      Engine: { EngineVersion: '20.10.24' },
    },
    address: '10.0.0.1',
    protocol: protocolVersion,
    images: [],
    ...reported,
  },
  judged: { state: 'heard' },
  allotted: { number: 1, keyHash: '', signedBy: '', ...allotted },
  ...change,
});

export const aService = (id: string, change: Partial<Service> = {}): Service => ({
  ...unstored,
  ID: id,
  Spec: {
    Name: id,
    Labels: {},
    TaskTemplate: { ContainerSpec: { Image: 'web:1' } },
    Mode: { Replicated: { Replicas: 1 } },
  },
  shoal: { specVersion: 1 },
  ...change,
});

/** A secret or config. */
export const aPayload = (
  id: string,
  contents: readonly Content[],
  spec: Partial<Payload['Spec']> = {},
): Payload => ({
  ...unstored,
  ID: id,
  Spec: { Name: id, ...spec },
  contents,
});

/** What Docker says of a task, and what its agent tells beside that. */
export interface StatusParts {
  readonly State?: TaskState;
  readonly Timestamp?: string;
  readonly Message?: string;
  /** Of one without a node: why none takes it. */
  readonly Err?: string;
  readonly OOMKilled?: true;
  readonly startRefused?: true;
  readonly cutOff?: true;
  readonly limitsRefused?: string;
  readonly container?: Observed['container'];
}

/** The task as it is when that is its status: what each of the writers has written then. The rest of it stays. */
export function withStatus(task: Task, parts: StatusParts): Task {
  const { observed, placement, unplaced, unaddressed, nodeRemovedAt, ...plan } = task;
  const { State = stateOf(task), Timestamp: at = stateSince(task), Err } = parts;
  if (State === 'pending') {
    const reasons = [{ filter: 'resources', nodes: 1, text: Err ?? '' }];
    return Err === undefined
      ? { ...plan, ...(unplaced && { unplaced }) }
      : { ...plan, unplaced: { at, specVersion: task.shoal.specVersion, reasons } };
  }
  const placed = { ...plan, placement: placement ?? { at, scores: {} } };
  if (State === 'assigned') return Err === undefined ? placed : { ...placed, unaddressed: Err };
  if (State === 'orphaned') return { ...placed, ...(observed && { observed }), nodeRemovedAt: at };
  if (State === 'new' || State === 'remove') throw new Error(`no task is ever stored as ${State}`);
  const { limitsRefused: why, Message, OOMKilled, startRefused, cutOff, container } = parts;
  const said = {
    ...observed,
    state: State,
    at,
    ...(Message !== undefined && { message: Message }),
    ...(Err !== undefined && { err: Err }),
    ...(OOMKilled && { oomKilled: OOMKilled }),
    ...(startRefused && { startRefused }),
    ...(cutOff && { cutOff }),
    ...(why !== undefined && { limitsRefused: { why, specVersion: task.shoal.specVersion } }),
    ...(container && { container }),
  };
  return { ...placed, observed: said };
}

/** Its status as Docker's, instead of the parts that it is made of. */
export type TaskChange = Partial<Task> & { readonly Status?: StatusParts };

export function aTask(id: string, { Status, ...change }: TaskChange = {}): Task {
  const task: Task = {
    ...unstored,
    ID: id,
    Labels: {},
    Spec: { ContainerSpec: { Image: 'web:1' } },
    ServiceID: 'web',
    Slot: 1,
    DesiredState: 'running',
    shoal: { specVersion: 1, ports: [] },
    ...change,
  };
  return Status ? withStatus(task, { Timestamp: '2026-01-01T00:00:00.000Z', ...Status }) : task;
}
