import { describe, expect, it } from 'vitest';
import type { Node, Service, ServiceSpec, Task } from '../../model/index.ts';
import { aNode, aService } from '../../testing.ts';
import {
  at,
  decide,
  ended,
  epochMs,
  globalTask,
  nodesOf,
  type TaskParts,
  task,
  threeNodes,
} from '../testing.ts';
import { runOf } from './run.ts';

const policy = { Condition: 'any' as const, Delay: 1e9 };

function aJob(Mode: NonNullable<ServiceSpec['Mode']>, change: Partial<Service> = {}): Service {
  const TaskTemplate = { ContainerSpec: { Image: 'web:1' }, RestartPolicy: policy };
  return aService('job', {
    Spec: { Name: 'job', Mode, TaskTemplate },
    JobStatus: { JobIteration: { Index: 1 }, LastExecution: at(0) },
    ...change,
  });
}

/** Three tasks have to complete, two at a time. */
const three = aJob({ ReplicatedJob: { MaxConcurrent: 2, TotalCompletions: 3 } });
const one = aJob({ ReplicatedJob: {} });
const global = aJob({ GlobalJob: {} });

const ofRun = (parts: TaskParts, iteration = 1): TaskParts => ({
  slot: 0,
  ...parts,
  shoal: { iteration, ...parts.shoal },
});
const run = (id: string, parts: TaskParts = {}, iteration?: number) => task(id, ofRun(parts, iteration));
const complete = (id: string, parts: TaskParts = {}, iteration?: number) =>
  ended(id, ofRun({ state: 'complete', ...parts }, iteration));
const failed = (id: string, parts: TaskParts = {}) => ended(id, ofRun(parts));

const nothing = { create: [], update: [], remove: [], waits: [] };

describe('a replicated job', () => {
  it('begins as many tasks as may run at once, from slot 0 on; what has done its work is not started again', () => {
    const { create } = decide({ service: three });
    expect(create.map(({ Slot }) => Slot)).toEqual([0, 1]);
    expect(create[0]).toMatchObject({
      DesiredState: 'running',
      Spec: { RestartPolicy: { Condition: 'on-failure', Delay: 1e9 } },
      shoal: { iteration: 1, stopFirst: true },
    });
  });

  it('begins the next one once one has completed', () => {
    const tasks = [complete('a'), run('b', { slot: 1 })];
    expect(decide({ service: three, tasks }).create.map(({ Slot }) => Slot)).toEqual([2]);
  });

  it('is at rest when all have completed', () => {
    const tasks = [complete('a'), complete('b', { slot: 1 }), complete('c', { slot: 2 })];
    expect(decide({ service: three, tasks })).toMatchObject(nothing);
  });

  it('tries again what failed, after the delay of its policy', () => {
    const tasks = [failed('a', { since: 60_000 })];
    const [again] = decide({ service: one, tasks, at: 60_000 }).create;
    expect(again).toMatchObject({ Slot: 0, DesiredState: 'ready' });
    expect(again?.shoal.startAfter).toBe(Date.parse(at(61_000)));
  });

  it('gives a slot up after MaxAttempts, and goes on with the others', () => {
    const Spec = {
      ...three.Spec,
      TaskTemplate: { RestartPolicy: { ...policy, MaxAttempts: 1 } },
    };
    const service = { ...three, Spec };
    const attempts = [failed('a'), failed('a2', { created: 5_000, shoal: { startAfter: 1 } })];
    const { create } = decide({ service, tasks: [...attempts, run('b', { slot: 1 })] });
    expect(create.map(({ Slot }) => Slot)).toEqual([2]);
  });

  it('with condition none tries nothing again', () => {
    const Spec = { ...one.Spec, TaskTemplate: { RestartPolicy: { Condition: 'none' as const } } };
    expect(decide({ service: { ...one, Spec }, tasks: [failed('a')] })).toMatchObject(nothing);
  });

  it('runs a task of a host that is down again, elsewhere', () => {
    const nodes = nodesOf(aNode('n1', { judged: { state: 'down' } }), aNode('n2'));
    const { create, update } = decide({ service: one, tasks: [run('a')], nodes });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown', shoal: { stopReason: 'node-down' } }]);
    expect(create).toMatchObject([{ Slot: 0, DesiredState: 'running' }]);
  });

  it('stops the second attempt when the first turns out to have completed on a host that was cut off', () => {
    const first = complete('a', { shoal: { stopReason: 'node-down' } });
    const { create, update } = decide({ service: one, tasks: [first, run('b', { created: 2_000 })] });
    expect(create).toEqual([]);
    expect(update).toMatchObject([{ ID: 'b', DesiredState: 'shutdown', shoal: { stopReason: 'surplus' } }]);
  });

  it('stops a task on a drained node, and starts the next only once it has ended', () => {
    const nodes = nodesOf(aNode('n1', { Spec: { Availability: 'drain' } }), aNode('n2'));
    const { create, update, waits } = decide({ service: one, tasks: [run('a')], nodes });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown' }]);
    expect(create).toMatchObject([{ DesiredState: 'ready' }]);
    expect(waits.map(({ why }) => why)).toContain('task a to stop');
  });

  it('that must run only once waits until a host that is cut off has stopped it', () => {
    const service = { ...one, Spec: { ...one.Spec, Labels: { 'shoal.isolation': 'stop' } } };
    const down = (leases: 'running' | 'over') =>
      nodesOf(aNode('n1', { judged: { state: 'down', leases } }), aNode('n2'));
    const tasks = [run('a', { shoal: { isolated: true } })];
    const { create, waits } = decide({ service, tasks, nodes: down('running') });
    expect(create).toMatchObject([{ DesiredState: 'ready', shoal: { isolated: true } }]);
    expect(waits.map(({ why }) => why)).toContainEqual(
      expect.stringMatching(/^task a to stop; it may run on n1 still/),
    );
    expect(decide({ service, tasks, nodes: down('over') }).create).toMatchObject([
      { DesiredState: 'running' },
    ]);
  });

  it('of a new run stops the tasks of the one before first', () => {
    const { create, update } = decide({ service: one, tasks: [run('a', {}, 0)] });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown', shoal: { stopReason: 'replaced' } }]);
    expect(create).toMatchObject([{ Slot: 0, DesiredState: 'ready', shoal: { iteration: 1 } }]);
  });

  it('starts nothing of a new run, in whatever slot, beside a task of the one before', () => {
    const { create, waits } = decide({ service: three, tasks: [run('a', { slot: 2 }, 0)] });
    expect(create).toMatchObject([
      { Slot: 0, DesiredState: 'ready' },
      { Slot: 1, DesiredState: 'ready' },
    ]);
    expect(waits.map(({ why }) => why)).toContain('task a of the run before to stop');
    const before = ended('a', ofRun({ slot: 2, state: 'shutdown' }, 0));
    const next = ['b', 'c'].map((id, slot) =>
      run(id, { slot, state: 'ready', change: { DesiredState: 'ready' } }),
    );
    expect(decide({ service: three, tasks: [before, ...next] }).update).toMatchObject([
      { DesiredState: 'running' },
      { DesiredState: 'running' },
    ]);
  });

  it('keeps what has completed, however much is forgotten', () => {
    const first = complete('a', { shoal: { stopReason: 'node-down' } });
    const later = ['b', 'c'].map((id, i) => failed(id, { created: 1_000 * (i + 1) }));
    const { remove } = decide({ service: one, tasks: [first, ...later], historyLimit: 0 });
    expect(remove).toEqual(['b']);
  });

  it('leaves a task stopped that comes back with its node when the next one starts already', () => {
    const orphan = run('a', {
      change: { DesiredState: 'shutdown' },
      shoal: { orphaned: true, stopReason: 'node-down' },
    });
    const next = run('b', { node: 'n2', state: 'starting', created: 2_000 });
    const { create, update } = decide({ service: one, tasks: [orphan, next] });
    expect(create).toEqual([]);
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown' }]);
  });

  it('does nothing before its first run', () => {
    const service = { ...one, JobStatus: { JobIteration: { Index: 0 } } };
    expect(decide({ service })).toMatchObject(nothing);
  });
});

describe('a global job', () => {
  it('runs on each node, also on one that joins later, and once', () => {
    const tasks = [
      globalTask('a', 'n1', {
        state: 'complete',
        change: { DesiredState: 'shutdown' },
        shoal: { iteration: 1 },
      }),
      globalTask('b', 'n2', { shoal: { iteration: 1 } }),
    ];
    expect(decide({ service: global, tasks, nodes: threeNodes }).create).toMatchObject([{ NodeID: 'n3' }]);
  });

  it('is run anew on all of them by an update', () => {
    const tasks = ['n1', 'n2', 'n3'].map((node) =>
      globalTask(node, node, {
        state: 'complete',
        change: { DesiredState: 'shutdown' },
        shoal: { iteration: 0 },
      }),
    );
    expect(decide({ service: global, tasks, nodes: threeNodes }).create).toHaveLength(3);
  });
});

describe('a run of a global job', () => {
  const done = globalTask('a', 'n1', { state: 'complete', shoal: { iteration: 1 } });
  const stopped = globalTask('b', 'n2', {
    state: 'shutdown',
    change: { DesiredState: 'shutdown' },
    shoal: { iteration: 1, stopReason: 'node-drained' },
  });
  const runWith = (n2: Node, b: Task = stopped) =>
    runOf(global, [done, b], nodesOf(aNode('n1'), n2), epochMs);
  const drained = aNode('n2', { Spec: { Availability: 'drain' } });
  const down = aNode('n2', { judged: { state: 'down' } });
  const over = { completed: 1, failed: 0, total: 1 };
  const open = { ...over, total: 2 };

  it.each([
    ['drained', drained],
    ['down', down],
    ['paused', aNode('n2', { Spec: { Availability: 'pause' } })],
  ])('is not held up by a node that is %s, before that is back', (_, node) => {
    expect(runWith(node)).toEqual(over);
    expect(runWith(aNode('n2'))).toEqual(open);
  });

  it('is held up by what still runs on one that is drained, and not complete where a task failed for good', () => {
    expect(runWith(drained, globalTask('b', 'n2', { shoal: { iteration: 1 } }))).toEqual(open);
    const Spec = { ...global.Spec, TaskTemplate: { RestartPolicy: { Condition: 'none' as const } } };
    const failed = globalTask('b', 'n2', {
      state: 'failed',
      change: { DesiredState: 'shutdown' },
      shoal: { iteration: 1 },
    });
    const nodes = nodesOf(aNode('n1'), down);
    expect(runOf({ ...global, Spec }, [done, failed], nodes, epochMs)).toEqual({ ...open, failed: 1 });
  });
});
