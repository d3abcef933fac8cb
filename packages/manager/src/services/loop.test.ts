import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../ids.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService, aTask, withStatus } from '../testing.ts';
import { orchestratorLoop } from './loop.ts';

const log = pino({ level: 'silent' });
const clock = () => Date.now();
const closers: (() => Promise<void>)[] = [];

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  vi.useRealTimers();
});

async function open(
  prepare: (tx: Parameters<Parameters<TestStore['update']>[0]>[0]) => void,
): Promise<TestStore> {
  const store = await TestStore.open(memoryBackend(), clock);
  await store.update(prepare);
  const loop = orchestratorLoop(store, { clock, ids: newId, log });
  closers.push(() => loop.close());
  await vi.advanceTimersByTimeAsync(50);
  return store;
}

const tasksOf = (store: TestStore, service = 'web') => store.view.tasks.by('service', service);

describe('the loop', () => {
  it('brings everything in order when it starts, also tasks whose service is gone', async () => {
    const store = await open((tx) => {
      tx.services.create(aService('web'));
      tx.tasks.create(aTask('orphan', { ServiceID: 'gone' }));
    });
    expect(tasksOf(store)).toHaveLength(1);
    expect(tasksOf(store, 'gone')).toEqual([]);
  });

  it('follows services, tasks and nodes', async () => {
    const store = await open((tx) => void tx.nodes.create(aNode('n1')));
    await store.update((tx) => void tx.services.create(aService('web')));
    await vi.advanceTimersByTimeAsync(50);
    const [task] = tasksOf(store);
    if (!task) throw new Error('no task was made');
    const Status = { State: 'running' as const };
    await store.update((tx) => void tx.tasks.update(withStatus({ ...task, NodeID: 'n1' }, Status)));
    await store.update((tx) => {
      const node = tx.nodes.get('n1');
      if (node) tx.nodes.update({ ...node, judged: { state: 'down' } });
    });
    await vi.advanceTimersByTimeAsync(50);
    expect(
      tasksOf(store)
        .map(({ DesiredState }) => DesiredState)
        .sort(),
    ).toEqual(['running', 'shutdown']);
  });

  it('starts a restarted task when its delay is over', async () => {
    const store = await open((tx) => void tx.services.create(aService('web')));
    const [task] = tasksOf(store);
    if (!task) throw new Error('no task was made');
    await store.update(
      (tx) => void tx.tasks.update(withStatus({ ...task, NodeID: 'n1' }, { State: 'failed' })),
    );
    const desired = () => tasksOf(store).find(({ ID }) => ID !== task.ID)?.DesiredState;
    await vi.advanceTimersByTimeAsync(4_900);
    expect(desired()).toBe('ready');
    await vi.advanceTimersByTimeAsync(200);
    expect(desired()).toBe('running');
  });

  it('goes over to global services when a node comes', async () => {
    const store = await open(
      (tx) => void tx.services.create(aService('web', { Spec: { Mode: { Global: {} } } })),
    );
    expect(tasksOf(store)).toEqual([]);
    await store.update((tx) => void tx.nodes.create(aNode('n1')));
    await vi.advanceTimersByTimeAsync(50);
    expect(tasksOf(store)).toMatchObject([{ NodeID: 'n1' }]);
  });

  it('removes a service that is being removed, once its tasks are gone', async () => {
    const store = await open((tx) => {
      tx.nodes.create(aNode('n1'));
      tx.services.create(aService('web', { shoal: { specVersion: 1, removing: true } }));
      tx.tasks.create(aTask('a', { NodeID: 'n1', Status: { Timestamp: '', State: 'running' } }));
    });
    expect(tasksOf(store)).toMatchObject([{ DesiredState: 'remove' }]);
    await store.update((tx) => {
      const task = tx.tasks.get('a');
      if (task) tx.tasks.update(withStatus(task, { State: 'shutdown' }));
    });
    await vi.advanceTimersByTimeAsync(50);
    expect(store.view.services.size + store.view.tasks.size).toBe(0);
  });
});
