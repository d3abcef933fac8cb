import { expect, it } from 'vitest';
import type { Task } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { Store } from '../store/index.ts';
import { aService, aTask } from '../testing.ts';
import { isEndpoint, toServiceEndpoints } from './network-view.ts';

const attachments = [{ networkId: 'n', address: '10.1.1.2' }];
const task = (status: Partial<Task['Status']>, change: Partial<Task> = {}): Task =>
  aTask('t1', {
    Status: { Timestamp: '2026-01-01T00:00:00.000Z', State: 'running', PortStatus: {}, ...status },
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

it('leads clients to hosts that nobody reaches only where there is no other', async () => {
  const store = await Store.open(memoryBackend(), Date.now);
  const service = aService('web');
  await store.update((tx) => {
    tx.services.create(service);
    for (const [ID, NodeID] of [
      ['a', 'n1'],
      ['b', 'n2'],
    ] as const)
      tx.tasks.create(task({}, { ID, NodeID }));
  });
  const on = (...silent: string[]) =>
    toServiceEndpoints(store.view, service, new Set(silent)).endpoints.map(({ nodeId }) => nodeId);
  expect(on('n3')).toEqual(['n1', 'n2']);
  expect(on('n2', 'n3')).toEqual(['n1']);
  expect(on('n1', 'n2')).toEqual(['n1', 'n2']);
});
