import { describe, expect, it, vi } from 'vitest';
import { type Service, type ServiceSpec, stateOf, type Task } from '../model/index.ts';
import { type Loops, options, withLoops } from '../services/loops.fixture.ts';
import { aService, withStatus } from '../testing.ts';
import { rebalanceLoop } from './rebalance-loop.ts';

const open = withLoops();
const second = 1_000;

/** Two replicas, each of which takes one of the two CPUs of a node. */
const twoOf = (id: string, spec: Partial<ServiceSpec> = {}): Service =>
  aService(id, {
    Spec: {
      Name: id,
      Mode: { Replicated: { Replicas: 2 } },
      ...spec,
      TaskTemplate: {
        ContainerSpec: { Image: 'web:1' },
        Resources: { Reservations: { NanoCPUs: 1e9 } },
        ...spec.TaskTemplate,
      },
    },
  });

/** Both of `a` on n1, both of `b` on n2, and no room for more. */
async function apart(a: Partial<ServiceSpec> = {}, b: Partial<ServiceSpec> = {}): Promise<Loops> {
  const loops = await open(2, [twoOf('a', a)]);
  await loops.setState('n2', 'down');
  await vi.advanceTimersByTimeAsync(10 * second);
  expect(loops.spread('a')).toEqual([2, 0]);
  await loops.store.update((tx) => void tx.services.create(twoOf('b', b)));
  await loops.setState('n2', 'heard');
  await vi.advanceTimersByTimeAsync(10 * second);
  expect(loops.spread('b')).toEqual([0, 2]);
  return loops;
}

const tasksOf = ({ store }: Loops, service: string) => store.view.tasks.by('service', service);
const isServing = (task: Task) => stateOf(task) === 'running' && task.DesiredState === 'running';
const serving = (loops: Loops, service: string) => tasksOf(loops, service).filter(isServing);

/** Tasks that serve, at least, and at most on one node, while time passes. */
async function watch(loops: Loops, ms: number) {
  let least = 2;
  let most = 0;
  const unwatch = loops.store.watch(() => {
    for (const service of ['a', 'b']) least = Math.min(least, serving(loops, service).length);
    const running = [...loops.store.view.tasks.all()].filter(
      (task) =>
        ['starting', 'running'].includes(stateOf(task)) ||
        (task.DesiredState === 'running' && stateOf(task) === 'ready'),
    );
    for (const node of ['n1', 'n2'])
      most = Math.max(most, running.filter(({ NodeID }) => NodeID === node).length);
  });
  await vi.advanceTimersByTimeAsync(ms);
  unwatch();
  return { least, most };
}

describe('two services of which each has a node of its own, with no room for more', () => {
  it('exchange a task each: one of each serves all the time, and no node has more than it has room for', async () => {
    const loops = await apart();
    loops.run(rebalanceLoop(loops.store, options));
    expect(await watch(loops, 60 * second)).toEqual({ least: 1, most: 2 });
    for (const service of ['a', 'b']) {
      expect(loops.spread(service)).toEqual([1, 1]);
      expect(serving(loops, service)).toHaveLength(2);
      expect(tasksOf(loops, service)).toHaveLength(3);
    }
    await vi.advanceTimersByTimeAsync(600 * second);
    expect(['a', 'b'].map((service) => tasksOf(loops, service).length)).toEqual([3, 3]);
  });

  it('start nothing before that has stopped whose room is taken', async () => {
    const slow = { TaskTemplate: { ContainerSpec: { Image: 'web:1', StopGracePeriod: 5e9 } } };
    for (const [a, b] of [
      [slow, {}],
      [{}, slow],
    ]) {
      const loops = await apart(a, b);
      loops.run(rebalanceLoop(loops.store, options));
      expect(await watch(loops, 60 * second)).toEqual({ least: 1, most: 2 });
      expect(['a', 'b'].map((service) => serving(loops, service).length)).toEqual([2, 2]);
      expect(loops.spread('a')).toEqual([1, 1]);
    }
  });

  it('start with one of each where both wait for the first node', async () => {
    const loops = await open(2, [twoOf('a'), twoOf('b')]);
    await loops.setState('n1', 'down');
    await loops.setState('n2', 'down');
    await vi.advanceTimersByTimeAsync(60 * second);
    await loops.setState('n1', 'heard');
    await vi.advanceTimersByTimeAsync(60 * second);
    expect(['a', 'b'].map((service) => loops.spread(service))).toEqual([
      [1, 0],
      [1, 0],
    ]);
    await loops.setState('n2', 'heard');
    await vi.advanceTimersByTimeAsync(60 * second);
    expect(['a', 'b'].map((service) => loops.spread(service))).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  it.each<[string, Partial<ServiceSpec>]>([
    ['wants none of its tasks moved', { Labels: { 'shoal.rebalance': 'off' } }],
    ['insists on start-first', { UpdateConfig: { Order: 'start-first' } }],
    ['has tasks that must run only once', { Labels: { 'shoal.isolation': 'stop' } }],
    ['can run on its node only', { TaskTemplate: { Placement: { Constraints: ['node.hostname==n2'] } } }],
  ])('stay where they are when one %s', async (_, spec) => {
    const loops = await apart({}, spec);
    loops.run(rebalanceLoop(loops.store, options));
    await vi.advanceTimersByTimeAsync(300 * second);
    expect(['a', 'b'].map((service) => tasksOf(loops, service).length)).toEqual([2, 2]);
  });

  it('give nothing up when one of the new tasks can not be prepared', async () => {
    const loops = await apart();
    loops.run(rebalanceLoop(loops.store, options));
    const unwatch = loops.store.watch(({ changes }) => {
      for (const change of changes) {
        if (change.table !== 'tasks' || !change.after?.shoal.exchange) continue;
        const task = change.after;
        if (task.ServiceID !== 'b' || stateOf(task) !== 'assigned') continue;
        const Status = { State: 'rejected' as const };
        void loops.store.update((tx) => void tx.tasks.update(withStatus(task, Status)));
      }
    });
    expect(await watch(loops, 300 * second)).toEqual({ least: 2, most: 2 });
    unwatch();
    const ended = ['a', 'b'].map((service) => tasksOf(loops, service).filter((task) => !isServing(task)));
    for (const tasks of ended)
      expect(tasks.map((task) => [task.shoal.stopReason, stateOf(task) !== 'running'])).toEqual([
        ['move-failed', true],
      ]);
  });

  it.each([
    ['prepared', (tasks: Task[]) => tasks.some(({ shoal }) => shoal.exchange)],
    ['stopped', (tasks: Task[]) => tasks.some(({ shoal }) => shoal.stopReason === 'rebalanced')],
  ])('go on after the manager is started again while tasks are %s', async (_, isDue) => {
    const loops = await apart();
    const stop = loops.run(rebalanceLoop(loops.store, options));
    for (let step = 0; step < 600 && !isDue(tasksOf(loops, 'b')); step++)
      await vi.advanceTimersByTimeAsync(100);
    expect(isDue(tasksOf(loops, 'b'))).toBe(true);
    await stop();
    await vi.advanceTimersByTimeAsync(5 * second);
    loops.run(rebalanceLoop(loops.store, options));
    await vi.advanceTimersByTimeAsync(60 * second);
    for (const service of ['a', 'b']) {
      expect(loops.spread(service)).toEqual([1, 1]);
      expect(tasksOf(loops, service)).toHaveLength(3);
    }
  });

  it('are made whole when a node dies in the midst of it', async () => {
    const loops = await apart();
    loops.run(rebalanceLoop(loops.store, options));
    const isStopping = () => tasksOf(loops, 'a').some(({ shoal }) => shoal.stopReason === 'rebalanced');
    for (let step = 0; step < 600 && !isStopping(); step++) await vi.advanceTimersByTimeAsync(100);
    expect(isStopping()).toBe(true);
    await loops.setState('n2', 'down');
    await vi.advanceTimersByTimeAsync(60 * second);
    expect(['a', 'b'].map((service) => serving(loops, service).length)).toEqual([1, 1]);
    await loops.setState('n2', 'heard');
    await vi.advanceTimersByTimeAsync(120 * second);
    expect(['a', 'b'].map((service) => serving(loops, service).length)).toEqual([2, 2]);
    expect(['a', 'b'].map((service) => loops.spread(service))).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });
});
