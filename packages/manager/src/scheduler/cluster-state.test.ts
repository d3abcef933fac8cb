import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Task, taskStates } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, type TaskChange } from '../testing.ts';
import { nodes, now, services, taskOf, viewOf } from './arbitraries.fixture.ts';
import { ClusterState, versionKey } from './cluster-state.ts';
import { aTask } from './testing.ts';

const clock = () => now;

/** All of a state but the failures, which outlive their tasks. */
const dump = ({ nodes: all, services: counts, pending, images }: ClusterState) => ({
  nodes: new Map([...all].map(([id, { node, used }]) => [id, { node, used }])),
  counts,
  images,
  pending,
});

const step = fc.record({
  task: fc.nat(9),
  node: fc.nat(6),
  kind: fc.nat(3),
  state: fc.constantFrom(...taskStates),
  desired: fc.constantFrom('running' as const, 'ready' as const, 'shutdown' as const),
  does: fc.constantFrom('task', 'task', 'task', 'remove task', 'node', 'remove node'),
});

describe('ClusterState', () => {
  it('kept up to date change by change equals one built anew', async () => {
    await fc.assert(
      fc.asyncProperty(
        nodes,
        services,
        fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }),
        async (all, kinds, history) => {
          const store = await TestStore.open(memoryBackend(), clock);
          const state = ClusterState.from(store.view);
          store.watch((batch) => state.apply(batch));
          for (const transaction of history) {
            await store.update((tx) => {
              for (const { task, node, kind, state: State, desired, does } of transaction) {
                const [id, at] = [`t${task}`, all[node % all.length]];
                if (!at) continue;
                if (does === 'remove task') tx.tasks.remove(id);
                if (does === 'remove node') tx.nodes.remove(at.ID);
                if (does === 'node') {
                  const present = tx.nodes.get(at.ID);
                  if (present)
                    tx.nodes.update({
                      ...present,
                      reported: { ...present.reported, images: [`image-${kind}`] },
                    });
                  else tx.nodes.create(at);
                }
                if (does !== 'task') continue;
                const service = kinds[kind % kinds.length];
                if (!service) continue;
                const Status = { State, Timestamp: '' };
                // Of some slots there are two tasks at times, and more.
                const Slot = task % 4;
                const next = {
                  ...taskOf(id, service, kind),
                  Slot,
                  NodeID: at.ID,
                  DesiredState: desired,
                  Status,
                };
                const present = tx.tasks.get(id);
                if (present) tx.tasks.update({ ...next, Version: present.Version });
                else tx.tasks.create(next);
              }
            });
            expect(dump(state)).toEqual(dump(ClusterState.from(store.view)));
          }
        },
      ),
    );
  });

  it('counts a place once, with the newest task that is wanted and has a node: the others are about to leave', () => {
    const task = (id: string, NodeID: string, change: TaskChange = {}) => {
      const Status = { State: 'running' as const, Timestamp: '' };
      return aTask(id, { Slot: 1, NodeID, Status, ...change });
    };
    const [old, other] = [task('a', 'n1'), task('b', 'n1', { Slot: 2 })];
    const counted = (...tasks: Task[]) => {
      const state = ClusterState.from(viewOf([aNode('n1'), aNode('n2')], tasks));
      return Object.fromEntries(state.counts.get('web') ?? []);
    };
    const pending = { Status: { State: 'pending' as const, Timestamp: '' } };
    expect(counted(old, other)).toEqual({ n1: 2 });
    // Until it has a node, only for itself as if the old one were gone.
    expect(counted(old, other, task('c', '', pending))).toEqual({ n1: 2 });
    expect(counted(old, other, task('c', 'n2'))).toEqual({ n1: 1, n2: 1 });
    expect(counted(old, other, task('c', 'n2', { DesiredState: 'shutdown' }))).toEqual({ n1: 2 });
  });

  it('knows from which task one takes over that has no node yet', () => {
    const Status = { State: 'running' as const, Timestamp: '' };
    const old = aTask('a', { Slot: 1, NodeID: 'n1', Status });
    const next = aTask('b', { Slot: 1 });
    const ofNext = (held: Task) =>
      ClusterState.from(viewOf([aNode('n1')], [held, next])).predecessorOf(next)?.ID;
    expect(ofNext(old)).toBe('a');
    expect(ofNext({ ...old, Slot: 2 })).toBe(undefined);
    expect(ofNext({ ...old, DesiredState: 'shutdown' })).toBe(undefined);
  });

  it('knows which room will be free when a task starts that waits for others to stop', () => {
    const Reservations = { NanoCPUs: 1e9 };
    const Status = { State: 'running' as const, Timestamp: '' };
    const old = aTask('a', { Slot: 1, NodeID: 'n1', Spec: { Resources: { Reservations } }, Status });
    const next = (stopFirst: boolean) =>
      aTask('b', { Slot: 1, shoal: { specVersion: 2, ports: [], ...(stopFirst && { stopFirst }) } });
    const vacancies = (held: Task, task: Task) =>
      ClusterState.from(viewOf([aNode('n1')], [held, task])).vacanciesFor(task);
    expect(vacancies(old, next(true))).toMatchObject([{ nodeId: 'n1', load: { nanoCpus: 1e9 } }]);
    expect(vacancies(old, next(false))).toEqual([]);
    expect(vacancies({ ...old, Spec: {} }, next(true))).toEqual([]);
    expect(vacancies({ ...old, Slot: 2 }, next(true))).toEqual([]);
  });

  it('remembers failures after their task is removed, until the node comes back', async () => {
    const store = await TestStore.open(memoryBackend(), clock);
    const state = ClusterState.from(store.view);
    store.watch((batch) => state.apply(batch));
    const failed: Task = aTask('t', {
      NodeID: 'n1',
      Status: { State: 'failed', Timestamp: '' },
    });
    const failures = () => state.nodes.get('n1')?.failures.count(versionKey(failed), now - 1);
    await store.update((tx) => {
      tx.nodes.create(aNode('n1'));
      tx.tasks.create(failed);
    });
    await store.update((tx) => tx.tasks.remove('t'));
    expect(failures()).toBe(1);
    const become = (state: 'down' | 'heard') =>
      store.update((tx) => {
        const node = tx.nodes.get('n1');
        if (node) tx.nodes.update({ ...node, judged: { state } });
      });
    await become('down');
    expect(failures()).toBe(1);
    await become('heard');
    expect(failures()).toBe(0);
  });
});
