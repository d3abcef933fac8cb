import { describe, expect, it } from 'vitest';
import { isWanted, type ServiceSpec, stateOf, type Task, type TaskSpec } from '../../model/index.ts';
import { aNode, aService, withStatus } from '../../testing.ts';
import { isUnassigned } from '../presence.ts';
import { Simulation } from '../simulation.fixture.ts';
import { decide, ended, nodesOf, task } from '../testing.ts';
import { cluster, hasState, second, status, until } from './rollout.fixture.ts';

const MiB = 2 ** 20;
const ssd = { Constraints: ['node.labels.disk==ssd'] };

const ids = (simulation: Simulation) => simulation.running().map(({ ID }) => ID);
const retune = (simulation: Simulation, change: TaskSpec) =>
  simulation.change({ TaskTemplate: { ...simulation.service.Spec.TaskTemplate, ...change } });
const label = (simulation: Simulation, ...nodes: string[]) =>
  Promise.all(
    nodes.map((id) =>
      simulation.setNode(id, (node) => ({ ...node, Spec: { ...node.Spec, Labels: { disk: 'ssd' } } })),
    ),
  );

/** `web` as its tasks, of version 1, were not made: its template differs by `change`. */
const changed = (change: TaskSpec, spec: ServiceSpec = {}) => {
  const { Spec } = aService('web');
  const TaskTemplate = { ...Spec.TaskTemplate, ...change };
  return aService('web', { Spec: { ...Spec, TaskTemplate, ...spec }, shoal: { specVersion: 2 } });
};

describe('an update that needs no other container', () => {
  it.each<TaskSpec>([
    { RestartPolicy: { Condition: 'on-failure' } },
    { ContainerSpec: { Image: 'web:1', StopGracePeriod: 1e9 } },
    { Resources: { Limits: { MemoryBytes: 64 * MiB }, Reservations: { NanoCPUs: 1e8 } } },
    { Placement: { Constraints: ['node.role==worker'], MaxReplicas: 1, Preferences: [] } },
  ])('replaces no task, and is no update that one could wait for: %j', async (change) => {
    const simulation = await cluster();
    const before = ids(simulation);
    await retune(simulation, change);
    await simulation.run(30 * second);
    expect(ids(simulation)).toEqual(before);
    expect(status(simulation)).toBeUndefined();
    for (const { Spec, shoal } of simulation.running()) {
      expect(Spec).toEqual(simulation.service.Spec.TaskTemplate);
      expect(shoal.specVersion).toBe(simulation.service.shoal.specVersion);
    }
  });

  it('replaces only tasks whose node the new placement forbids, in the order of an update', async () => {
    const simulation = await cluster({ UpdateConfig: { Delay: 10e9 } });
    await label(simulation, 'n1');
    const stays = simulation.running().find(({ NodeID }) => NodeID === 'n1')?.ID;
    await retune(simulation, { Placement: ssd });
    await simulation.run(5 * second);
    expect(status(simulation)?.State).toBe('updating');
    expect(simulation.running().filter(({ NodeID }) => NodeID === 'n1')).toHaveLength(2);
    await until(simulation, hasState(simulation, 'completed'));
    const running = simulation.running();
    expect(running.map(({ NodeID }) => NodeID)).toEqual(['n1', 'n1', 'n1']);
    expect(running.map(({ ID }) => ID)).toContain(stays);
  });

  it('is taken back in place, too', async () => {
    const simulation = await cluster();
    const before = ids(simulation);
    const { Spec, shoal } = simulation.service;
    await retune(simulation, { Resources: { Limits: { NanoCPUs: 1e9 } } });
    await simulation.run(second);
    await retune(simulation, { Resources: { Limits: { NanoCPUs: 2e9 } } });
    await simulation.run(second);
    await simulation.store.update((tx) => {
      const { UpdateStatus: _, ...service } = simulation.service;
      const { specVersion = 0 } = { specVersion: service.shoal.previousSpecVersion ?? 0 };
      const back = service.PreviousSpec ?? Spec;
      tx.services.update({ ...service, Spec: back, shoal: { ...shoal, specVersion } });
    });
    await simulation.run(second);
    expect(ids(simulation)).toEqual(before);
    expect(simulation.running()[0]?.Spec.Resources?.Limits?.NanoCPUs).toBe(1e9);
  });

  it('lets a task that waits for a node look for one anew', async () => {
    const simulation = await cluster({ TaskTemplate: { ContainerSpec: { Image: 'web:1' }, Placement: ssd } });
    const waiting = simulation.tasks.filter(isUnassigned).map(({ ID }) => ID);
    expect(waiting).toHaveLength(3);
    await retune(simulation, { Placement: {} });
    await simulation.run(2 * second);
    expect(ids(simulation).sort()).toEqual(waiting.sort());
    expect(simulation.running()).toHaveLength(3);
  });

  it('takes no word of a daemon against earlier limits for one against those of now', async () => {
    const simulation = await cluster();
    const before = ids(simulation).sort();
    await simulation.store.update((tx) => {
      for (const task of tx.tasks.all())
        tx.tasks.update(withStatus(task, { limitsRefused: 'it uses 9 MiB' }));
    });
    await retune(simulation, { Resources: { Limits: { MemoryBytes: 64 * MiB } } });
    await simulation.run(10 * second);
    expect(ids(simulation).sort()).toEqual(before);
    expect(simulation.tasks.map(({ shoal }) => shoal.specVersion)).toEqual(
      before.map(() => simulation.service.shoal.specVersion),
    );
  });

  it('leaves what has ended at its end, unless the new restart policy says otherwise', async () => {
    const TaskTemplate = {
      ContainerSpec: { Image: 'once:1' },
      RestartPolicy: { Condition: 'none' as const },
    };
    const simulation = await cluster({ TaskTemplate });
    await retune(simulation, { Resources: { Limits: { NanoCPUs: 1e9 } } });
    await simulation.run(20 * second);
    expect(simulation.tasks.filter(isWanted)).toEqual([]);
    expect(simulation.tasks).toHaveLength(3);
    expect(status(simulation)).toBeUndefined();
    await retune(simulation, { RestartPolicy: { Condition: 'any' } });
    await simulation.run(2 * second);
    expect(simulation.tasks.filter(isWanted)).toHaveLength(3);
  });

  it('goes on counting attempts', () => {
    const Spec = { RestartPolicy: { MaxAttempts: 2 } };
    const failed = [0, 1, 2].map((n) =>
      ended(`t${n}`, { created: n, since: n + 1, change: { Spec }, shoal: n === 0 ? {} : { startAfter: n } }),
    );
    const service = changed({ ...Spec, ContainerSpec: null, Resources: { Limits: { NanoCPUs: 1e9 } } });
    const { create, update } = decide({ service, tasks: failed });
    expect(create).toEqual([]);
    expect(update.map(({ shoal }) => shoal.specVersion)).toEqual([2, 2, 2]);
  });
});

describe('a bigger reservation', () => {
  const description = { Resources: { NanoCPUs: 2e9, MemoryBytes: 1024 * MiB } };
  const nodes = nodesOf(
    aNode('n1', { reported: { description } }),
    aNode('n2', { reported: { description } }),
  );
  const reserving = (bytes: number): TaskSpec => ({ Resources: { Reservations: { MemoryBytes: bytes } } });
  const other = task('other', { change: { ServiceID: 'db', Spec: reserving(600 * MiB) } });
  const decided = (tasks: Task[], bytes: number, replicas: number) =>
    decide({
      service: changed(reserving(bytes), { Mode: { Replicated: { Replicas: replicas } } }),
      tasks,
      nodes,
      tasksOn: (id) => [...tasks, other].filter(({ NodeID }) => NodeID === id),
    });

  it('is taken where there is room for it; otherwise the task is replaced', () => {
    const a = task('a', { slot: 1 });
    expect(decided([a], 424 * MiB, 1)).toMatchObject({
      create: [],
      update: [{ ID: 'a', shoal: { specVersion: 2 } }],
    });
    expect(decided([a], 425 * MiB, 1)).toMatchObject({
      create: [{ shoal: { specVersion: 2, replaces: 'a' } }],
      service: { UpdateStatus: { State: 'updating' } },
    });
  });

  it('counts for each task of a node', () => {
    const tasks = [task('a', { slot: 1 }), task('b', { slot: 2, created: 1 })];
    expect(decided(tasks, 300 * MiB, 2)).toMatchObject({
      create: [{ Slot: 2, shoal: { replaces: 'b' } }],
      update: [{ ID: 'a', shoal: { specVersion: 2 } }],
    });
    expect(decided(tasks, 200 * MiB, 2)).toMatchObject({ create: [], update: [{ ID: 'a' }, { ID: 'b' }] });
  });
});

it('fewer replicas per node than there are: the newest is replaced', () => {
  const tasks = [
    task('a', { slot: 1 }),
    task('b', { slot: 2, created: 1 }),
    task('c', { slot: 3, node: 'n2' }),
  ];
  const service = changed({ Placement: { MaxReplicas: 1 } }, { Mode: { Replicated: { Replicas: 3 } } });
  const { create, update } = decide({ service, tasks });
  expect(create).toMatchObject([{ Slot: 2, shoal: { replaces: 'b' } }]);
  expect(update.map(({ ID }) => ID)).toEqual(['a', 'c']);
});

it('a task whose daemon refuses its new limits is replaced in the order of an update', async () => {
  const simulation = await cluster();
  const [refuses, ...others] = simulation.running();
  await retune(simulation, { Resources: { Limits: { MemoryBytes: 8 * MiB } } });
  await simulation.run(second);
  await simulation.store.update((tx) => {
    const one = tx.tasks.get(refuses?.ID ?? '');
    if (one) tx.tasks.update(withStatus(one, { limitsRefused: 'it uses 9 MiB' }));
  });
  await simulation.tick();
  expect(status(simulation)?.State).toBe('updating');
  expect(simulation.store.view.tasks.get(refuses?.ID ?? '')).toMatchObject({
    Spec: { Resources: null },
    shoal: { refused: { why: 'it uses 9 MiB' } },
  });
  await until(simulation, hasState(simulation, 'completed'), () =>
    expect(simulation.running().length).toBeGreaterThanOrEqual(3),
  );
  expect(ids(simulation)).not.toContain(refuses?.ID);
  expect(ids(simulation)).toEqual(expect.arrayContaining(others.map(({ ID }) => ID)));
});

it('a task is replaced for the limits that its daemon refuses, though its host was not the first that an update tried', async () => {
  const simulation = await Simulation.open(3);
  simulation.schedules = true;
  await simulation.run(2 * second);
  const [old] = simulation.running();
  simulation.refusingNodes.add(old?.NodeID ?? '');
  await simulation.deploy('web:2');
  await simulation.run(20 * second);
  const [refuses] = simulation.running('web:2');
  expect(simulation.tasks.some(({ shoal }) => shoal.stopReason === 'next-host')).toBe(true);
  await retune(simulation, { Resources: { Limits: { MemoryBytes: 8 * MiB } } });
  await simulation.run(second);
  await simulation.store.update((tx) => {
    const one = tx.tasks.get(refuses?.ID ?? '');
    if (one) tx.tasks.update(withStatus(one, { limitsRefused: 'it uses 9 MiB' }));
  });
  await until(simulation, hasState(simulation, 'completed'));
  expect(ids(simulation)).toHaveLength(1);
  expect(ids(simulation)).not.toContain(refuses?.ID);
});

it('tasks whose daemons refuse what new tasks can not have either go on with the limits they had', async () => {
  const simulation = await cluster();
  const before = ids(simulation);
  await retune(simulation, { Resources: { Limits: { NanoCPUs: 1000e9 } } });
  await simulation.tick();
  for (const id of before)
    await simulation.store.update((tx) => {
      const one = tx.tasks.get(id);
      if (one) tx.tasks.update(withStatus(one, { limitsRefused: 'only 2 CPUs' }));
    });
  const attempt = () => simulation.tasks.find((task) => stateOf(task) === 'preparing');
  const isOver = hasState(simulation, 'rollback_completed');
  // One host after the other is tried before it is a failure.
  for (let tries = 0; !isOver(); tries++) {
    expect(tries).toBeLessThan(10);
    await until(simulation, () => isOver() || attempt() !== undefined);
    await simulation.observe(attempt()?.ID ?? '', 'rejected', 'only 2 CPUs');
  }
  await simulation.run(10 * second);
  expect(ids(simulation)).toEqual(before);
  expect(simulation.running()[0]?.Spec.Resources).toBeUndefined();
});

describe('a rollback from limits that tasks can not live with', () => {
  const limited = (bytes: number): TaskSpec => ({ Resources: { Limits: { MemoryBytes: bytes } } });
  const limitOf = ({ Spec }: Task) => Spec.Resources?.Limits?.MemoryBytes;
  const outOfMemory = 'task: out of memory (limit 10 MiB), exit code 137';

  /** Daemons refuse the limit in place; two of three tasks were replaced for it, and run. */
  const halfway = async () => {
    const TaskTemplate = { ContainerSpec: { Image: 'web:1' }, ...limited(100 * MiB) };
    const simulation = await cluster({ TaskTemplate, UpdateConfig: { Parallelism: 2, Delay: 60e9 } });
    const old = ids(simulation);
    await retune(simulation, limited(10 * MiB));
    await simulation.tick();
    for (const id of old)
      await simulation.store.update((tx) => {
        const one = tx.tasks.get(id);
        if (one) tx.tasks.update(withStatus(one, { limitsRefused: 'it uses 60 MiB' }));
      });
    const made = () => simulation.running().filter(({ ID }) => !old.includes(ID));
    await until(simulation, () => made().length === 2);
    const [first = '', second = ''] = made().map(({ ID }) => ID);
    return { simulation, first, second };
  };
  const expectOver = async (simulation: Simulation, first: string) => {
    await until(simulation, hasState(simulation, 'rollback_completed'), () =>
      expect(status(simulation)?.State).not.toBe('rollback_paused'),
    );
    expect(status(simulation)?.Message).toContain(`early termination of task ${first}`);
    expect(simulation.running().map(limitOf)).toEqual([100 * MiB, 100 * MiB, 100 * MiB]);
  };

  it('replaces one that had no time to get the old limits, and does not count it', async () => {
    const { simulation, first, second } = await halfway();
    await simulation.observe(first, 'failed', outOfMemory);
    await simulation.tick();
    expect(status(simulation)?.State).toBe('rollback_started');
    expect(simulation.running().find(({ ID }) => ID === second)?.Spec.Resources).toEqual(
      limited(100 * MiB).Resources,
    );
    await simulation.observe(second, 'failed', outOfMemory);
    await expectOver(simulation, first);
  });

  it('does not count one that had ended, though that was written down while it began', async () => {
    const { simulation, first, second } = await halfway();
    await simulation.observe(first, 'failed', outOfMemory);
    simulation.now += 50;
    await simulation.observe(second, 'failed', outOfMemory);
    simulation.now -= 50;
    await expectOver(simulation, first);
    // What it ended as stays known.
    const { endedAs = 0, specVersion = 0 } = simulation.store.view.tasks.get(second)?.shoal ?? {};
    expect(endedAs).toBeGreaterThan(specVersion);
  });

  it('counts what was made for it', async () => {
    const { simulation, first, second } = await halfway();
    await simulation.observe(first, 'failed', outOfMemory);
    await simulation.tick();
    await simulation.observe(second, 'failed', outOfMemory);
    const known = new Set(simulation.tasks.map(({ ID }) => ID));
    const next = () => simulation.running().find(({ ID }) => !known.has(ID));
    await until(simulation, () => next() !== undefined);
    const id = next()?.ID ?? '';
    await simulation.observe(id, 'failed', 'task: non-zero exit (1)');
    await simulation.tick();
    expect(status(simulation)).toMatchObject({
      State: 'rollback_paused',
      Message: expect.stringContaining(`rollback paused due to failure or early termination of task ${id}`),
    });
  });
});

it('a task that took on new limits before it had a container counts as one that was made for them', async () => {
  const simulation = await cluster({ UpdateConfig: { FailureAction: 'pause' } });
  await retune(simulation, { Placement: ssd });
  const waiting = () => simulation.tasks.find((task) => isWanted(task) && isUnassigned(task));
  await until(simulation, () => waiting() !== undefined);
  const id = waiting()?.ID ?? '';
  await retune(simulation, { Placement: ssd, Resources: { Limits: { MemoryBytes: 8 * MiB } } });
  await simulation.tick();
  await label(simulation, 'n1');
  await simulation.observe(id, 'failed', 'task: out of memory (limit 8 MiB), exit code 137');
  await simulation.tick();
  expect(status(simulation)).toMatchObject({ State: 'paused', Message: expect.stringContaining(id) });
});
