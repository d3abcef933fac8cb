import { expect, it } from 'vitest';
import { neededPortConflicts } from '../../allocator/index.ts';
import type { Network, Task } from '../../model/index.ts';
import { memoryBackend } from '../../store/backends/memory.ts';
import { TestStore } from '../../store/testing.ts';
import { aCluster, aService, aTask, type StatusParts, type TaskChange } from '../../testing.ts';
import { Commit } from './commit.ts';
import { isEndpoint } from './needs.ts';
import { network } from './network.ts';
import { service as kind } from './service.ts';

const attachments = [{ networkId: 'n', address: '10.1.1.2' }];
const task = (status: StatusParts, change: TaskChange = {}): Task =>
  aTask('t1', {
    Status: { Timestamp: '2026-01-01T00:00:00.000Z', State: 'running', ...status },
    shoal: { specVersion: 1, ports: [], networks: ['n'], attachments },
    ...change,
  });

it('leads clients to tasks that run, are wanted, and say of no error', () => {
  expect(isEndpoint(task({}))).toBe(true);
  expect(isEndpoint(task({ State: 'starting' }))).toBe(false);
  expect(isEndpoint(task({}, { DesiredState: 'shutdown' }))).toBe(false);
  expect(isEndpoint(task({ Err: 'task: unhealthy container' }))).toBe(false);
  expect(isEndpoint(task({}, { shoal: { specVersion: 1, ports: [] } }))).toBe(false);
});

it('tells no host to publish a port that Shoal has come to need itself', async () => {
  const store = await TestStore.open(memoryBackend(), Date.now);
  const ports = ([8080, 2480] as const).map((PublishedPort) => ({ PublishedPort, TargetPort: 80 }));
  const service = aService('web', { shoal: { specVersion: 1, ports } });
  const source = { view: store.view, held: () => false, silent: new Set<string>(), unseal: () => '' };
  const told = () => kind.object(source, 'web')?.published.map(({ published }) => published);
  const cluster = aCluster();
  await store.update((tx) => {
    tx.clusters.create(cluster);
    tx.services.create(service);
  });
  expect(told()).toEqual([8080, 2480]);
  await store.update((tx) => {
    const managerPorts = [{ port: 2480, what: 'agents at the manager' }];
    for (const each of [...tx.clusters.all()]) tx.clusters.update({ ...each, managerPorts });
  });
  expect(told()).toEqual([8080]);
  expect(neededPortConflicts(store.view)).toEqual([
    'service web: published port tcp/2480 is not served, since Shoal needs it for agents at the manager',
  ]);
});

it('tells a host that a bridge network is gone, also when its last task there went in the same commit', async () => {
  const store = await TestStore.open(memoryBackend(), Date.now);
  const local = {
    ID: 'n',
    Version: { Index: 1 },
    CreatedAt: '',
    UpdatedAt: '',
    Spec: { Name: 'n', Driver: 'bridge' },
    shoal: { number: 1, subnets: [], slices: [] },
  } as unknown as Network;
  const commit = new Commit(store.view, [
    { table: 'networks', id: 'n', before: local, after: undefined },
    { table: 'tasks', id: 't1', before: task({}, { NodeID: 'h1' }), after: undefined },
  ]);
  expect([...network.touched(commit)]).toContainEqual({ id: 'n', nodes: ['h1'] });
});
