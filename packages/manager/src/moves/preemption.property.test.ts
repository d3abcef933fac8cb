import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { isTerminal, isWanted, priorityOf, type Service, stateOf, type Task } from '../model/index.ts';
import { type Loops, options, withLoops } from '../services/loops.fixture.ts';
import { aService } from '../testing.ts';
import { preemptionLoop } from './preemption-loop.ts';

const open = withLoops();

const aServiceOf = (name: string, priority: number, replicas: number, cpus: number): Service =>
  aService(name, {
    Spec: {
      Name: name,
      Labels: { 'shoal.priority': String(priority) },
      Mode: { Replicated: { Replicas: replicas } },
      TaskTemplate: {
        ContainerSpec: { Image: 'web:1' },
        Resources: { Reservations: { NanoCPUs: cpus * 1e9 } },
      },
    },
  });

const runningOf = ({ store }: Loops, service: string): Task[] =>
  store.view.tasks.by('service', service).filter((task) => isWanted(task) && stateOf(task) === 'running');

it('tasks of a lower priority make way, the least important ones, and no more than needed', async () => {
  const loops = await open(2, [aServiceOf('low', -5, 2, 1), aServiceOf('mid', 1, 2, 1)]);
  loops.run(preemptionLoop(loops.store, options));
  await vi.advanceTimersByTimeAsync(5_000);
  await loops.store.update((tx) => tx.services.create(aServiceOf('high', 10, 1, 1)));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(['low', 'mid', 'high'].map((name) => runningOf(loops, name).length)).toEqual([1, 2, 1]);
  const reasons = [...loops.store.view.tasks.all()].flatMap(({ shoal }) => shoal.stopReason ?? []);
  expect(reasons).toEqual(['preempted']);
});

it('tasks of the same priority stay, and so do all where nothing would help', async () => {
  const loops = await open(2, [aServiceOf('a', 1, 4, 1), aServiceOf('large', 9, 1, 3)]);
  loops.run(preemptionLoop(loops.store, options));
  await vi.advanceTimersByTimeAsync(5_000);
  await loops.store.update((tx) => tx.services.create(aServiceOf('b', 1, 1, 1)));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(runningOf(loops, 'a')).toHaveLength(4);
  expect([...loops.store.view.tasks.all()].filter(({ shoal }) => shoal.stopReason)).toEqual([]);
});

it('many tasks that nobody can help do not keep others from being helped', async () => {
  const loops = await open(2, [aServiceOf('low', -5, 4, 1), aServiceOf('large', 9, 150, 3)]);
  loops.run(preemptionLoop(loops.store, options));
  await vi.advanceTimersByTimeAsync(5_000);
  await loops.store.update((tx) => tx.services.create(aServiceOf('high', 5, 1, 1)));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(['low', 'large', 'high'].map((name) => runningOf(loops, name).length)).toEqual([3, 0, 1]);
});

it('nobody makes way for a task that may not start yet, though it found no room before', async () => {
  const high = aServiceOf('high', 10, 1, 1);
  const Labels = { ...high.Spec.Labels, 'shoal.depends-on': 'db:healthy' };
  const loops = await open(2, [aServiceOf('low', -5, 4, 1), aServiceOf('db', 0, 1, 0)]);
  await vi.advanceTimersByTimeAsync(5_000);
  await loops.store.update((tx) => tx.services.create({ ...high, Spec: { ...high.Spec, Labels } }));
  await vi.advanceTimersByTimeAsync(5_000);
  await loops.store.update((tx) => {
    for (const task of tx.tasks.by('service', 'db'))
      if (task.observed) tx.tasks.update({ ...task, observed: { ...task.observed, err: 'unhealthy' } });
  });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(loops.store.view.tasks.by('service', 'high')).toMatchObject([
    {
      unplaced: { reasons: [expect.anything()] },
      shoal: { awaits: expect.stringMatching(/of which no task is healthy/) },
    },
  ]);
  loops.run(preemptionLoop(loops.store, options));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(runningOf(loops, 'low')).toHaveLength(4);
  expect([...loops.store.view.tasks.all()].filter(({ shoal }) => shoal.stopReason)).toEqual([]);
});

it('a task that makes way for itself in an update keeps its room', async () => {
  const stopFirst = aServiceOf('low', 0, 4, 1);
  const loops = await open(2, [
    { ...stopFirst, Spec: { ...stopFirst.Spec, UpdateConfig: { Order: 'stop-first' } } },
  ]);
  loops.run(preemptionLoop(loops.store, options));
  await vi.advanceTimersByTimeAsync(5_000);
  await loops.store.update((tx) => {
    const low = tx.services.get('low');
    tx.services.create(aServiceOf('high', 10, 1, 1));
    if (low)
      tx.services.update({
        ...low,
        Spec: { ...low.Spec, TaskTemplate: { ...low.Spec.TaskTemplate, ContainerSpec: { Image: 'web:2' } } },
        shoal: { ...low.shoal, specVersion: 2 },
      });
  });
  await vi.advanceTimersByTimeAsync(120_000);
  expect([runningOf(loops, 'high').length, runningOf(loops, 'low').length]).toEqual([1, 3]);
});

it('whatever the services, no task waits for room that less important ones have, and all comes to rest', async () => {
  let preempted = 0;
  const anyService = fc.record({
    priority: fc.constantFrom(-1, 0, 0, 5, 9),
    replicas: fc.integer({ min: 1, max: 4 }),
    cpus: fc.constantFrom(0.5, 1, 2),
    after: fc.integer({ min: 0, max: 8_000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anyService, { minLength: 2, maxLength: 5 }), async (some) => {
      const loops = await open(3, []);
      loops.run(preemptionLoop(loops.store, options));
      for (const [i, { priority, replicas, cpus, after }] of some.entries()) {
        await loops.store.update((tx) => tx.services.create(aServiceOf(`s${i}`, priority, replicas, cpus)));
        await vi.advanceTimersByTimeAsync(after);
      }
      await vi.advanceTimersByTimeAsync(120_000);
      const made: string[] = [];
      const unwatch = loops.store.watch(({ changes }) => {
        for (const { table, before, id } of changes) if (table === 'tasks' && !before) made.push(id);
      });
      await vi.advanceTimersByTimeAsync(60_000);
      unwatch();
      expect(made).toEqual([]);
      const { tasks, services } = loops.store.view;
      const priority = ({ ServiceID }: Task) => priorityOf(services.get(ServiceID)?.Spec.Labels);
      const cpus = ({ Spec }: Task) => Spec.Resources?.Reservations?.NanoCPUs ?? 0;
      const waiting = [...tasks.all()].filter((task) => isWanted(task) && stateOf(task) === 'pending');
      preempted += [...tasks.all()].filter(({ shoal }) => shoal.stopReason === 'preempted').length;
      for (const task of waiting)
        for (const node of ['n1', 'n2', 'n3']) {
          const important = tasks
            .by('node', node)
            .filter((one) => !isTerminal(stateOf(one)) && priority(one) >= priority(task));
          const held = important.reduce((sum, one) => sum + cpus(one), 0);
          expect(held + cpus(task)).toBeGreaterThan(2e9);
        }
      await loops.close();
    }),
    { numRuns: 40 },
  );
  expect(preempted).toBeGreaterThan(10);
}, 120_000);
