import { describe, expect, it } from 'vitest';
import { aNode, aService, withStatus } from '../testing.ts';
import {
  decide,
  ended,
  epochMs,
  globalTask,
  nodesOf,
  secondVersion,
  type TaskParts,
  task,
} from './testing.ts';

const now = epochMs + 60_000;
const down = nodesOf(aNode('n1', { judged: { state: 'down' } }), aNode('n2'));
const back = nodesOf(aNode('n1'), aNode('n2'));
/** A task that ran when its node went down. */
const orphaned = (id: string, parts: TaskParts = {}) =>
  task(id, {
    ...parts,
    change: { DesiredState: 'shutdown', ...parts.change },
    shoal: { stopReason: 'node-down', orphaned: true, ...parts.shoal },
  });
/** What was made to take its place. */
const next = (parts: TaskParts = {}) =>
  task('next', { node: 'n2', created: 50_000, since: 59_000, ...parts });

describe('a task whose node goes down', () => {
  it('is given up, and remembered as one that may run still', () => {
    const { update, create } = decide({ nodes: down, tasks: [task('a')] });
    expect(update).toMatchObject([
      { ID: 'a', DesiredState: 'shutdown', shoal: { stopReason: 'node-down', orphaned: true } },
    ]);
    expect(create).toHaveLength(1);
    expect(decide({ nodes: down, tasks: [orphaned('a'), next()] })).toMatchObject({ update: [], create: [] });
  });

  it('is only given up when it did not run, or its node is removed', () => {
    const [preparing] = decide({ nodes: down, tasks: [task('a', { state: 'preparing' })] }).update;
    expect(preparing?.shoal).not.toHaveProperty('orphaned');
    expect(decide({ nodes: nodesOf(aNode('n2')), tasks: [task('a')] }).remove).toEqual(['a']);
  });
});

describe('a task that comes back with its node', () => {
  it('stops when another one runs in its place', () => {
    const { update } = decide({ nodes: back, tasks: [orphaned('a'), next()] });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown', shoal: { stopReason: 'node-down' } }]);
    expect(update[0]?.shoal).not.toHaveProperty('orphaned');
  });

  it('goes on when its successor has no node yet; that one is dropped', () => {
    const waiting = next({ node: '', state: 'pending' });
    const { update, remove } = decide({ nodes: back, tasks: [orphaned('a'), waiting] });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'running', shoal: { returnedAt: now } }]);
    expect(update[0]?.shoal).not.toHaveProperty('orphaned');
    expect(update[0]?.shoal).not.toHaveProperty('stopReason');
    expect(remove).toEqual(['next']);
  });

  it('goes on until its successor runs, or for good when that takes long', () => {
    const starting = next({ state: 'starting' });
    const { update, wakeAt } = decide({ nodes: back, tasks: [orphaned('a'), starting] });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'running' }]);
    expect(wakeAt).toBe(now + 10_000);
    const a = task('a', { shoal: { returnedAt: now } });
    expect(decide({ nodes: back, tasks: [a, next()] }).update).toMatchObject([
      { ID: 'a', DesiredState: 'shutdown', shoal: { stopReason: 'surplus' } },
    ]);
    expect(decide({ nodes: back, tasks: [a, starting], at: 70_000 }).update).toMatchObject([
      { ID: 'next', DesiredState: 'shutdown', shoal: { stopReason: 'surplus' } },
    ]);
  });

  it('stops for another one that came back only when that one surely did, too', () => {
    const { update, wakeAt } = decide({
      nodes: back,
      tasks: [orphaned('a'), orphaned('b', { node: 'n2', created: 1 })],
    });
    expect(update).toMatchObject([
      { ID: 'a', DesiredState: 'running', shoal: { returnedAt: now } },
      { ID: 'b', DesiredState: 'running', shoal: { returnedAt: now } },
    ]);
    expect(wakeAt).toBe(now + 10_000);
    const a = task('a', { shoal: { returnedAt: now } });
    const b = task('b', { node: 'n2', created: 1, shoal: { returnedAt: now } });
    expect(decide({ nodes: back, tasks: [a, b], at: 69_999 }).update).toEqual([]);
    expect(decide({ nodes: back, tasks: [a, b], at: 70_000 }).update).toMatchObject([
      { ID: 'a', DesiredState: 'shutdown', shoal: { stopReason: 'surplus' } },
    ]);
    const dead = withStatus(b, { State: 'failed' as const });
    expect(decide({ nodes: back, tasks: [a, dead], at: 61_000 })).toMatchObject({
      create: [],
      update: [{ ID: 'b', DesiredState: 'shutdown' }],
    });
  });

  it('goes on when its successor was only now placed on the same node', () => {
    const placed = next({ node: 'n1', state: 'assigned' });
    expect(decide({ nodes: back, tasks: [orphaned('a'), placed] }).update).toMatchObject([
      { ID: 'a', DesiredState: 'running' },
      { ID: 'next', DesiredState: 'shutdown', shoal: { stopReason: 'surplus' } },
    ]);
  });

  it('counts for nothing when it turns out that it did not survive', () => {
    const dead = task('a', {
      state: 'failed',
      since: 61_000,
      shoal: { returnedAt: now, runningSince: epochMs },
    });
    const starting = next({ state: 'starting' });
    expect(decide({ nodes: back, tasks: [dead, starting], at: 61_000 })).toMatchObject({
      update: [{ ID: 'a', DesiredState: 'shutdown' }],
      create: [],
    });
    const [again] = decide({ nodes: back, tasks: [dead], at: 61_000 }).create;
    expect(again?.DesiredState).toBe('running');
    expect(again?.shoal).not.toHaveProperty('failures');
    const later = withStatus(dead, { Timestamp: new Date(now + 10_000).toISOString() });
    expect(decide({ nodes: back, tasks: [later], at: 70_000 }).create[0]?.shoal).toMatchObject({
      failures: 1,
    });
  });

  it('leaves no trace in what the restart policy makes of it, once a replacement was dropped', () => {
    const dropped = ended('next', {
      state: 'shutdown',
      node: 'n2',
      created: 50_000,
      shoal: { stopReason: 'surplus' },
    });
    const job = (Condition: 'none' | 'on-failure') => ({ RestartPolicy: { Condition } });
    for (const Spec of [job('none'), job('on-failure')]) {
      const done = task('a', {
        state: 'complete',
        since: 90_000,
        change: { Spec },
        shoal: { returnedAt: now, runningSince: epochMs },
      });
      const service = aService('web', { Spec: { TaskTemplate: Spec } });
      expect(decide({ service, nodes: back, tasks: [done, dropped], at: 90_000 }).create).toEqual([]);
    }
    const quick = task('a', {
      state: 'failed',
      since: 90_000,
      shoal: { returnedAt: now, runningSince: epochMs + 89_000, failures: 2 },
    });
    const [again] = decide({ nodes: back, tasks: [quick, dropped], at: 90_000 }).create;
    expect(again).toMatchObject({ DesiredState: 'ready', shoal: { failures: 3 } });
  });

  it('waits until its node is surely back', () => {
    const suspect = nodesOf(aNode('n1', { judged: { state: 'disconnected' } }), aNode('n2'));
    const waiting = next({ node: '', state: 'pending' });
    expect(decide({ nodes: suspect, tasks: [orphaned('a'), waiting] })).toMatchObject({
      update: [],
      remove: [],
    });
  });

  it('stops at once where two may not run side by side', () => {
    const Mounts = [{ Type: 'volume' as const, Source: 'data', Target: '/data' }];
    const service = aService('web', {
      Spec: { TaskTemplate: { ContainerSpec: { Image: 'web:1', Mounts } } },
    });
    const starting = next({ state: 'starting' });
    const { update } = decide({ service, nodes: back, tasks: [orphaned('a'), starting] });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown' }]);
    const prepared = next({ state: 'preparing' });
    expect(decide({ service, nodes: back, tasks: [orphaned('a'), prepared] }).update).toMatchObject([
      { ID: 'a', DesiredState: 'running' },
      { ID: 'next', DesiredState: 'shutdown' },
    ]);
    const newer = orphaned('b', { node: 'n2', created: 1 });
    expect(decide({ service, nodes: back, tasks: [orphaned('a'), newer] }).update).toMatchObject([
      { ID: 'a', DesiredState: 'shutdown' },
      { ID: 'b', DesiredState: 'running' },
    ]);
  });

  it('is replaced step by step when the service was updated meanwhile', () => {
    const service = secondVersion();
    const starting = next({ state: 'starting', shoal: { specVersion: 2 } });
    const serving = decide({ service, nodes: back, tasks: [orphaned('a'), starting] });
    expect(serving.update).toMatchObject([{ ID: 'a', DesiredState: 'running' }]);
    const { update } = decide({
      service,
      nodes: back,
      tasks: [orphaned('a'), next({ shoal: { specVersion: 2 } })],
    });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown' }]);
  });

  it('takes the place of an older version only when it surely survived', () => {
    const service = secondVersion();
    const tasks = [task('a'), next({ shoal: { specVersion: 2, returnedAt: now } })];
    const early = decide({ service, nodes: back, tasks, at: 69_999 });
    expect(early.update).toEqual([]);
    expect(early.wakeAt).toBe(now + 10_000);
    expect(decide({ service, nodes: back, tasks, at: 70_000 }).update).toMatchObject([
      { ID: 'a', DesiredState: 'shutdown' },
    ]);
  });

  it('is the one of its node for a global service', () => {
    const service = aService('web', { Spec: { Mode: { Global: {} } } });
    const { Slot: _, ...a } = orphaned('a');
    const tasks = [a, globalTask('b', 'n2')];
    expect(decide({ service, nodes: back, tasks })).toMatchObject({
      create: [],
      update: [{ ID: 'a', DesiredState: 'running' }],
    });
  });

  it('goes when its slot, or its service, is gone', () => {
    const none = aService('web', { Spec: { Mode: { Replicated: { Replicas: 0 } } } });
    expect(decide({ service: none, nodes: down, tasks: [orphaned('a')] }).remove).toEqual(['a']);
    const removing = aService('web', { shoal: { specVersion: 1, removing: true } });
    expect(decide({ service: removing, nodes: back, tasks: [orphaned('a')] }).update).toMatchObject([
      { ID: 'a', DesiredState: 'remove' },
    ]);
  });
});
