import type { Node, Task } from '../model/index.ts';

/** Builders for this folder's tests: one line a node or task, everything not named is ordinary. */

const epoch = '2026-01-01T00:00:00.000Z';
export const epochMs = Date.parse(epoch);

export const makeNode = (id: string, parts: Partial<Node> = {}): Node => ({
  ID: id,
  Version: { Index: 1 },
  CreatedAt: epoch,
  UpdatedAt: epoch,
  Spec: { Role: 'worker', Availability: 'active' },
  Description: {
    Hostname: id,
    Platform: { OS: 'linux', Architecture: 'x86_64' },
    Resources: { NanoCPUs: 4e9, MemoryBytes: 8e9 },
  },
  Status: { State: 'ready', Addr: '10.0.0.1' },
  shoal: { images: [] },
  ...parts,
});

export const makeTask = (id: string, service: string, parts: Partial<Task> = {}): Task => ({
  ID: id,
  Version: { Index: 1 },
  CreatedAt: epoch,
  UpdatedAt: epoch,
  Labels: {},
  Spec: { ContainerSpec: { Image: 'nginx:1' } },
  ServiceID: service,
  Slot: 1,
  Status: { State: 'pending', Timestamp: epoch, PortStatus: {} },
  DesiredState: 'running',
  shoal: { specVersion: 1, ports: [] },
  ...parts,
});
