/** Builders for tests: whole, valid objects of which a test names only what it is about. */
import type { Cluster, Node, Service, Task } from './model/index.ts';

const unstored = { Version: { Index: 0 }, CreatedAt: '', UpdatedAt: '' };

const noIssuer = { subject: '', publicKey: '' };

/** With an authority that nobody asks for anything. */
export const aCluster = (change: Partial<Cluster> = {}): Cluster => ({
  ...unstored,
  ID: 'c',
  trust: {
    root: { certificate: '', digest: '', key: '', issuer: noIssuer },
    joinSecrets: { worker: '', manager: '' },
    nodeCertExpiryMs: 90 * 24 * 60 * 60 * 1_000,
    forceRotate: 0,
  },
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

export const aTask = (id: string, change: Partial<Task> = {}): Task => ({
  ...unstored,
  ID: id,
  Labels: {},
  Spec: { ContainerSpec: { Image: 'web:1' } },
  ServiceID: 'web',
  Slot: 1,
  Status: { Timestamp: '2026-01-01T00:00:00.000Z', State: 'pending', PortStatus: {} },
  DesiredState: 'running',
  shoal: { specVersion: 1, ports: [] },
  ...change,
});
