import { describe, expect, it } from 'vitest';
import { aNode, aTask, withStatus } from '../testing.ts';
import { knownState, refusedLimits, stateOf, taskStatus, whyWaiting } from './index.ts';

const at = '2026-01-02T00:00:00.000Z';
const CreatedAt = '2026-01-01T00:00:00.000Z';
const reasons = [{ filter: 'readiness', nodes: 1, text: '1 node not ready' }];
const unplaced = { at, specVersion: 1, reasons };
const placement = { at, scores: {} };
const running = { state: 'running', at, message: 'started' } as const;

describe('the status of a task', () => {
  it.each([
    ['waits', {}, { State: 'pending', Timestamp: CreatedAt, Message: 'pending task scheduling' }],
    [
      'finds no node',
      { unplaced },
      {
        State: 'pending',
        Timestamp: at,
        Message: 'waiting for a suitable node',
        Err: 'no suitable node (1 node not ready)',
      },
    ],
    ['has a node', { placement }, { State: 'assigned', Message: 'scheduler assigned task to node' }],
    ['gets no address', { placement, unaddressed: 'no addresses left' }, { Err: 'no addresses left' }],
    [
      'runs',
      {
        placement,
        observed: {
          ...running,
          err: 'unhealthy container',
          oomKilled: true,
          container: { ContainerID: 'c', PID: 1, ExitCode: 0 },
          ports: [{ TargetPort: 80 }],
        },
      },
      {
        State: 'running',
        Message: 'started',
        Err: 'unhealthy container',
        OOMKilled: true,
        ContainerStatus: { ContainerID: 'c', PID: 1, ExitCode: 0 },
        PortStatus: { Ports: [{ TargetPort: 80 }] },
      },
    ],
    [
      'outlived its node',
      { placement, observed: running, nodeRemovedAt: 'then' },
      { State: 'orphaned', Timestamp: 'then', Message: 'Task belonged to a node that has been deleted' },
    ],
    [
      'ended before its node was removed',
      { placement, observed: { ...running, state: 'failed' }, nodeRemovedAt: 'then' },
      { State: 'failed', Timestamp: at, Message: 'started' },
    ],
  ] as const)('that %s', (_, parts, status) => {
    expect(taskStatus(aTask('t', { CreatedAt, ...parts }))).toMatchObject(status);
  });

  it('has only what is known', () => {
    expect(taskStatus(aTask('t', { CreatedAt, placement }))).toEqual({
      Timestamp: at,
      State: 'assigned',
      Message: 'scheduler assigned task to node',
      PortStatus: {},
    });
  });
});

it('what was said of another spec is void', () => {
  const shoal = { specVersion: 2, ports: [] };
  const waits = aTask('t', { unplaced, shoal });
  expect([whyWaiting(waits), taskStatus(waits).Message]).toEqual([undefined, 'pending task scheduling']);
  const refuses = withStatus(aTask('t'), { State: 'running', limitsRefused: 'it uses 9 MiB' });
  expect(refusedLimits(refuses)).toBe('it uses 9 MiB');
  expect(refusedLimits({ ...refuses, shoal })).toBeUndefined();
});

it('nobody knows how a task fares on a node that is down, unless it has ended or never was there', () => {
  const nodes = new Map([['n1', aNode('n1', { judged: { state: 'down' } })]]);
  const states = (['pending', 'assigned', 'running', 'failed'] as const).map((State) => {
    const task = aTask('t', { NodeID: 'n1', Status: { State } });
    return [stateOf(task), knownState(task, nodes)];
  });
  expect(states).toEqual([
    ['pending', 'pending'],
    ['assigned', 'orphaned'],
    ['running', 'orphaned'],
    ['failed', 'failed'],
  ]);
});
