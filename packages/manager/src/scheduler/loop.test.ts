import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { type Node, type Task, taskStatus } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, withStatus } from '../testing.ts';
import { explainTask } from './explain.ts';
import { schedulerLoop } from './loop.ts';
import { aTask } from './testing.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function start(nodes: Node[], tasks: Task[] = []): Promise<TestStore> {
  const store = await TestStore.open(memoryBackend(), Date.now);
  await store.update((tx) => {
    for (const node of nodes) tx.nodes.create(node);
    for (const task of tasks) tx.tasks.create(task);
  });
  open.push(store, schedulerLoop(store, { clock: Date.now, log: pino({ level: 'silent' }) }));
  return store;
}

const edit = (store: TestStore, id: string, change: (task: Task) => Task) =>
  store.update((tx) => {
    const task = tx.tasks.get(id);
    if (task) tx.tasks.update(change(task));
  });

/** Waits for the store, whose every change is a moment to look. */
function until(store: TestStore, holds: () => boolean): Promise<void> {
  if (holds()) return Promise.resolve();
  return new Promise((resolve) => {
    const unwatch = store.watch(() => {
      if (!holds()) return;
      unwatch();
      resolve();
    });
  });
}

const hostPort = { specVersion: 1, ports: [{ PublishMode: 'host' as const, PublishedPort: 80 }] };
function status(store: TestStore, id: string) {
  const task = store.view.tasks.get(id);
  return task && taskStatus(task);
}
const state = (store: TestStore, id: string) => status(store, id)?.State;

it('places what is pending at its start and what comes later, equal tasks in one transaction', async () => {
  const store = await start([aNode('n1'), aNode('n2')], [aTask('a')]);
  await until(store, () => state(store, 'a') === 'assigned');
  expect(store.view.tasks.get('a')).toMatchObject({
    NodeID: expect.stringMatching(/^n[12]$/),
    placement: { scores: { serviceTasks: 0 } },
  });
  expect(status(store, 'a')?.Message).toBe('scheduler assigned task to node');
  const before = store.revision;
  await Promise.all(['b', 'c', 'd'].map((id) => store.update((tx) => tx.tasks.create(aTask(id)))));
  await until(store, () => ['b', 'c', 'd'].every((id) => state(store, id) === 'assigned'));
  expect(store.revision).toBe(before + 4);
  expect(store.view.tasks.by('node', 'n1')).toHaveLength(2);
});

it('says why a task waits, once, and places it when room appears', async () => {
  const store = await start([aNode('n1')], [aTask('a', { shoal: hostPort })]);
  await until(store, () => state(store, 'a') === 'assigned');
  await store.update((tx) => tx.tasks.create(aTask('b', { shoal: hostPort })));
  await until(store, () => status(store, 'b')?.Err !== undefined);
  expect(status(store, 'b')).toMatchObject({
    State: 'pending',
    Err: 'no suitable node (host-mode port already in use on 1 node: 80/tcp)',
  });
  expect(store.view.tasks.get('b')?.unplaced?.reasons).toMatchObject([{ filter: 'hostPort', nodes: 1 }]);
  // A look that finds the same reasons writes nothing.
  const { revision } = store;
  await edit(store, 'a', (task) => ({ ...task, DesiredState: 'shutdown' }));
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(store.revision).toBe(revision + 1);
  await edit(store, 'a', (task) => withStatus(task, { State: 'shutdown' }));
  await until(store, () => state(store, 'b') === 'assigned');
  expect(status(store, 'b')).not.toHaveProperty('Err');
  expect(store.view.tasks.get('b')).not.toHaveProperty('unplaced');
});

it('notes what a slot leaves behind on another host', async () => {
  const ContainerSpec = {
    Image: 'db:1',
    Mounts: [{ Type: 'volume', Source: 'data', Target: '/data' } as const],
  };
  const ended = {
    State: 'failed',
    Timestamp: '',
    container: { ContainerID: 'c', PID: 0, ExitCode: 1 },
  } as const;
  const before = aTask('a', {
    Slot: 1,
    NodeID: 'n1',
    Spec: { ContainerSpec },
    Status: ended,
    DesiredState: 'shutdown',
  });
  const down = aNode('n1', { reported: { description: { Hostname: 'h1' } }, judged: { state: 'down' } });
  const store = await start([down, aNode('n2')], [before, aTask('b', { Slot: 1, Spec: { ContainerSpec } })]);
  await until(store, () => state(store, 'b') === 'assigned');
  const task = store.view.tasks.get('b');
  expect(task?.placement?.leftBehind).toEqual([{ volume: 'data', host: 'h1' }]);
  expect(task && explainTask(store.view, task, Date.now()).notes).toEqual([
    'volume data begins empty on this host, unless it had one: what was written on h1 stays there',
  ]);
});

it('places what waits when another task reserves less', async () => {
  const Spec = (MemoryBytes: number) => ({ Resources: { Reservations: { MemoryBytes } } });
  const node = aNode('n1', { reported: { description: { Resources: { MemoryBytes: 2 ** 30 } } } });
  const store = await start([node], [aTask('a', { Spec: Spec(2 ** 30) })]);
  await until(store, () => state(store, 'a') === 'assigned');
  await store.update((tx) => tx.tasks.create(aTask('b', { ServiceID: 'other', Spec: Spec(2 ** 29) })));
  await until(store, () => status(store, 'b')?.Err !== undefined);
  await edit(store, 'a', (task) => ({ ...task, Spec: Spec(2 ** 29) }));
  await until(store, () => state(store, 'b') === 'assigned');
});

it('places waiting tasks on a node that joins or becomes ready', async () => {
  const store = await start([aNode('n1', { judged: { state: 'down' } })], [aTask('a')]);
  await until(store, () => status(store, 'a')?.Err !== undefined);
  await store.update((tx) => {
    const node = tx.nodes.get('n1');
    if (node) tx.nodes.update({ ...node, judged: { state: 'heard' } });
  });
  await until(store, () => state(store, 'a') === 'assigned');
});

it('leaves alone what nobody wants to run', async () => {
  const store = await start([aNode('n1')], [aTask('a', { DesiredState: 'shutdown' }), aTask('b')]);
  await until(store, () => state(store, 'b') === 'assigned');
  expect(state(store, 'a')).toBe('pending');
});
