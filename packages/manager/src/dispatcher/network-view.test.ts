import { expect, it } from 'vitest';
import type { Task } from '../model/index.ts';
import { aTask } from '../testing.ts';
import { isEndpoint } from './network-view.ts';

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
