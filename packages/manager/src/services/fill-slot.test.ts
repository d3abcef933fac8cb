import { describe, expect, it } from 'vitest';
import { aNode, aService, withStatus } from '../testing.ts';
import { decide, ended, epochMs, nodesOf, secondVersion, task, threeNodes } from './testing.ts';

const nodeWith = (id: string, change: { down?: true; availability?: 'pause' | 'drain' }) =>
  aNode(id, {
    Spec: { Availability: change.availability ?? 'active' },
    judged: { state: change.down ? 'down' : 'heard' },
  });
const now = epochMs + 60_000;

describe('a task that ended', () => {
  it('is replaced in its slot: prepared at once, started after the delay', () => {
    const { create, update, wakeAt } = decide({ tasks: [task('a', { state: 'failed' })] });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown' }]);
    expect(create).toMatchObject([
      {
        ID: 'new1',
        Slot: 1,
        DesiredState: 'ready',
        shoal: { specVersion: 1, startAfter: now + 5_000, failures: 1 },
      },
    ]);
    expect(wakeAt).toBe(now + 5_000);
  });

  it('has a successor that starts when its time has come', () => {
    const successor = task('b', {
      state: 'ready',
      change: { DesiredState: 'ready' },
      shoal: { startAfter: now + 5_000 },
      created: 60_000,
    });
    const tasks = [ended('a'), successor];
    expect(decide({ tasks, at: 64_999 })).toMatchObject({ update: [], wakeAt: now + 5_000 });
    expect(decide({ tasks, at: 65_000 }).update).toMatchObject([{ ID: 'b', DesiredState: 'running' }]);
  });

  it('has no successor before the delay is over when it was rejected: that would be rejected at once, too', () => {
    const tasks = [ended('a', { state: 'rejected', since: 58_000 })];
    expect(decide({ tasks, at: 60_000 })).toMatchObject({ create: [], wakeAt: epochMs + 63_000 });
    expect(decide({ tasks, at: 63_000 }).create).toHaveLength(1);
  });

  it('leaves its slot empty where the restart policy says so, and no other slot cares', () => {
    const Spec = { RestartPolicy: { Condition: 'none' as const } };
    const service = aService('web', { Spec: { TaskTemplate: Spec, Mode: { Replicated: { Replicas: 2 } } } });
    const tasks = [ended('a', { change: { Spec } }), task('b', { slot: 2 })];
    expect(decide({ service, tasks })).toMatchObject({ create: [], update: [], remove: [] });
  });

  it('was seen running since a time that its status will forget', () => {
    const running = task('a', { since: 7_000 });
    const { runningSince: _, ...shoal } = running.shoal;
    expect(decide({ tasks: [{ ...running, shoal }] }).update).toMatchObject([
      { shoal: { runningSince: epochMs + 7_000 } },
    ]);
  });
});

describe('a node that is down', () => {
  it('has its tasks replaced at once, whatever the restart policy says of failures', () => {
    const Spec = { RestartPolicy: { Condition: 'none' as const } };
    const { create, update, remove } = decide({
      service: aService('web', { Spec: { TaskTemplate: Spec } }),
      tasks: [task('a', { change: { Spec }, shoal: { failures: 3 } })],
      nodes: nodesOf(nodeWith('n1', { down: true }), aNode('n2')),
    });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown', shoal: { stopReason: 'node-down' } }]);
    expect(update[0]?.observed?.state).toBe('running');
    expect(create).toMatchObject([{ Slot: 1, DesiredState: 'running', shoal: { failures: 3 } }]);
    expect(create[0]?.shoal.startAfter).toBeUndefined();
    expect(remove).toEqual([]);
  });

  it('and removed from the cluster takes its tasks with it', () => {
    const { create, update, remove } = decide({ tasks: [task('a', { node: 'gone' })] });
    expect({ made: create.length, update, remove }).toEqual({ made: 1, update: [], remove: ['a'] });
  });

  it('does not revive what was replaced, when it returns', () => {
    const old = task('a', { change: { DesiredState: 'shutdown' }, shoal: { stopReason: 'node-down' } });
    expect(decide({ tasks: [old, task('b', { node: 'n2', created: 1_000 })] })).toMatchObject({
      create: [],
      update: [],
    });
  });

  it('is not what is meant by disconnected', () => {
    const nodes = nodesOf(aNode('n1', { judged: { state: 'disconnected' } }));
    expect(decide({ tasks: [task('a')], nodes })).toMatchObject({ create: [], update: [], remove: [] });
  });
});

describe('a node that is to be emptied', () => {
  const nodes = nodesOf(nodeWith('n1', { availability: 'drain' }), aNode('n2'));
  const old = task('a');
  const successor = (parts: Parameters<typeof task>[1] = {}) =>
    task('b', { node: '', state: 'pending', created: 59_000, ...parts });

  it('keeps its task until the successor runs', () => {
    expect(decide({ tasks: [old], nodes })).toMatchObject({
      create: [{ DesiredState: 'running' }],
      update: [],
    });
    expect(decide({ tasks: [old, successor()], nodes })).toMatchObject({ create: [], update: [] });
    const running = successor({ node: 'n2', state: 'running', since: 59_500 });
    expect(decide({ tasks: [old, running], nodes }).update).toMatchObject([
      { ID: 'a', DesiredState: 'shutdown', shoal: { stopReason: 'node-drained' } },
    ]);
  });

  it('lets it go when no node takes the successor, or that takes too long', () => {
    const change = { Status: { State: 'pending', Err: 'insufficient resources on 1 node' } } as const;
    expect(decide({ tasks: [old, successor({ change })], nodes }).update).toMatchObject([{ ID: 'a' }]);
    expect(decide({ tasks: [old, successor({ created: 30_000 })], nodes }).update).toMatchObject([
      { ID: 'a' },
    ]);
  });

  it('keeps it after all when it is not emptied any more', () => {
    expect(decide({ tasks: [old, successor()], nodes: threeNodes })).toMatchObject({
      update: [],
      remove: ['b'],
    });
  });

  it('needs only the newest of two versions until the successor runs', () => {
    const service = secondVersion();
    const newer = task('b', { created: 1, shoal: { specVersion: 2 } });
    const { create, update } = decide({ service, tasks: [old, newer], nodes });
    expect(create).toHaveLength(1);
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown' }]);
  });

  it('also is one whose labels no longer meet the constraints', () => {
    const Spec = { Placement: { Constraints: ['node.labels.disk==ssd'] } };
    const { create } = decide({ tasks: [task('a', { change: { Spec } })] });
    expect(create).toHaveLength(1);
  });
});

describe('a paused node', () => {
  it('keeps its tasks', () => {
    const nodes = nodesOf(nodeWith('n1', { availability: 'pause' }), aNode('n2'));
    expect(decide({ tasks: [task('a')], nodes })).toMatchObject({ create: [], update: [], remove: [] });
  });
});

describe('a service whose tasks can not live side by side', () => {
  const TaskTemplate = {
    ContainerSpec: { Mounts: [{ Type: 'volume', Source: 'data', Target: '/data' } as const] },
  };
  const service = aService('db', { Spec: { TaskTemplate } });
  const nodes = nodesOf(nodeWith('n1', { availability: 'drain' }), aNode('n2'));
  const prepared = task('b', {
    node: 'n2',
    state: 'ready',
    created: 59_000,
    change: { DesiredState: 'ready' },
  });

  it('prepares the successor, stops the old task, and only then starts the successor', () => {
    expect(decide({ service, nodes, tasks: [task('a')] })).toMatchObject({
      create: [{ DesiredState: 'ready' }],
      update: [],
    });
    expect(decide({ service, nodes, tasks: [task('a'), prepared] }).update).toMatchObject([
      { ID: 'a', DesiredState: 'shutdown' },
    ]);
    const leaving = task('a', {
      change: { DesiredState: 'shutdown' },
      shoal: { stopReason: 'node-drained' },
    });
    expect(decide({ service, nodes, tasks: [leaving, prepared] })).toMatchObject({ update: [] });
    const gone = withStatus(leaving, { State: 'shutdown' as const });
    expect(decide({ service, nodes, tasks: [gone, prepared] }).update).toMatchObject([
      { ID: 'b', DesiredState: 'running' },
    ]);
  });

  it('does not wait for a task on a node that is down', () => {
    const down = nodesOf(nodeWith('n1', { down: true }), aNode('n2'));
    const orphaned = task('a', {
      change: { DesiredState: 'shutdown' },
      shoal: { stopReason: 'node-drained' },
    });
    expect(decide({ service, nodes: down, tasks: [orphaned, prepared] }).update).toMatchObject([
      { ID: 'b', DesiredState: 'running' },
    ]);
  });
});
