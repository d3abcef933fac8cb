import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { progressDeadlineLabel, type Task } from '../../model/index.ts';
import type { Simulation } from '../simulation.fixture.ts';
import { checkWaits } from '../waits.fixture.ts';
import { cluster, hasState, images, second, status, until, updating } from './rollout.fixture.ts';

const notReady = (simulation: Simulation, task: Task | undefined, since: number) =>
  simulation.store.update((tx) => {
    const unfitSince = new Date(since).toISOString();
    const observed = { state: 'running' as const, at: unfitSince, unfitSince, err: 'task: not ready' };
    if (task) tx.tasks.update({ ...task, observed });
  });

const quick = { Labels: { [progressDeadlineLabel]: '30s' } };

describe('an update whose new task does not come to run', () => {
  it.each(
    (['accepted', 'preparing', 'starting'] as const).flatMap((state) => [
      { state, Order: 'start-first' as const },
      { state, Order: 'stop-first' as const },
    ]),
  )(
    'ends by its failure action once the deadline is over (stays $state, $Order)',
    async ({ state, Order }) => {
      for (const [FailureAction, end] of [
        ['pause', 'paused'],
        ['rollback', 'rollback_completed'],
      ] as const) {
        const simulation = await cluster({ ...quick, UpdateConfig: { FailureAction, Order } });
        await simulation.deploy(`stays:${state}`);
        await simulation.run(29 * second);
        expect(status(simulation)?.State).toBe('updating');
        await until(simulation, hasState(simulation, end));
        expect(status(simulation)?.Message).toMatch(
          new RegExp(
            `due to task t\\d+, which did not run within 30 s \\(shoal.progress-deadline\\) but is ${state}$`,
          ),
        );
        await simulation.run(10 * second);
        expect(simulation.running('web:1').length).toBeGreaterThanOrEqual(FailureAction === 'pause' ? 2 : 3);
        checkWaits(simulation.snapshot);
      }
    },
  );

  it('has ten minutes where nobody says how long', async () => {
    const simulation = await updating({ FailureAction: 'pause' });
    await simulation.deploy('stays:preparing');
    await simulation.run(599 * second, 1_000);
    expect(status(simulation)?.State).toBe('updating');
    await simulation.run(3 * second, 1_000);
    expect(status(simulation)?.State).toBe('paused');
  });

  it('goes on with the next slot where that is asked for, and pauses when nothing else is left to do', async () => {
    const UpdateConfig = { FailureAction: 'continue', Order: 'start-first' } as const;
    const simulation = await cluster({ ...quick, UpdateConfig });
    await simulation.deploy('stays:starting');
    await simulation.run(100 * second, 500);
    expect(status(simulation)).toMatchObject({
      State: 'paused',
      Message: expect.stringMatching(/^update paused due to task t\d+, which did not run within 30 s/),
    });
    expect(images(simulation)).toEqual(['web:1', 'web:1', 'web:1']);
  });

  it('updates all others where MaxFailureRatio bears that, and pauses at last', async () => {
    const UpdateConfig = { FailureAction: 'rollback', Order: 'stop-first', MaxFailureRatio: 0.4 } as const;
    const simulation = await cluster({ ...quick, Mode: { Global: {} }, UpdateConfig });
    simulation.stallingNodes.add('n2');
    await simulation.deploy('web:2');
    await until(simulation, hasState(simulation, 'paused'));
    expect(images(simulation)).toEqual(['web:1', 'web:2', 'web:2']);
    simulation.stallingNodes.clear();
    await simulation.run(60 * second);
    expect(images(simulation)).toEqual(['web:1', 'web:2', 'web:2']);
  });

  it('has all its time again on another host when its own is lost', async () => {
    const UpdateConfig = { FailureAction: 'pause', Order: 'start-first' } as const;
    const simulation = await cluster({ ...quick, Mode: { Replicated: { Replicas: 1 } }, UpdateConfig });
    await simulation.deploy('stays:preparing');
    await simulation.run(25 * second);
    const first = simulation.tasks.find(({ Spec }) => Spec.ContainerSpec?.Image === 'stays:preparing');
    await simulation.powerOff(first?.NodeID ?? '');
    await simulation.run(25 * second);
    expect(status(simulation)?.State).toBe('updating');
    await until(simulation, hasState(simulation, 'paused'));
  });

  it('has its time from the last change of the service on', async () => {
    const simulation = await cluster({ ...quick, UpdateConfig: { FailureAction: 'pause' } });
    await simulation.deploy('web:2');
    await until(simulation, () => simulation.running('web:2').length === 1);
    await notReady(simulation, simulation.running('web:2')[0], simulation.now);
    await simulation.run(20 * second);
    await simulation.scale(4);
    await simulation.run(25 * second);
    expect(status(simulation)?.State).toBe('updating');
    await until(simulation, hasState(simulation, 'paused'));
    expect(status(simulation)?.Message).toContain('which was not fit for traffic within 30 s');
  });

  it('is not late for the time that the task before it takes to stop', async () => {
    const TaskTemplate = { ContainerSpec: { Image: 'web:1', StopGracePeriod: 60e9 } };
    const UpdateConfig = { FailureAction: 'pause', Order: 'stop-first' } as const;
    const simulation = await cluster({ ...quick, TaskTemplate, UpdateConfig });
    await simulation.deploy('web:2');
    await until(simulation, () => simulation.running().length === 2);
    const [stopping] = simulation.tasks.filter(({ DesiredState }) => DesiredState === 'shutdown');
    expect(stopping?.shoal.stopReason).toBe('replaced');
  });
});

describe('tasks that are not ready before', () => {
  it.each(['start-first', 'stop-first'] as const)('hold up no rollback (%s)', async (Order) => {
    const UpdateConfig = { FailureAction: 'rollback', Order } as const;
    const simulation = await cluster({ ...quick, UpdateConfig, RollbackConfig: { Order } });
    await simulation.deploy('web:2');
    await until(simulation, hasState(simulation, 'completed'));
    for (const task of simulation.running('web:2').slice(0, 2))
      await notReady(simulation, task, simulation.now - 60 * second);
    await simulation.deploy('broken:3');
    await until(simulation, hasState(simulation, 'rollback_completed'));
    expect(simulation.running('web:2')).toHaveLength(3);
  });

  it('are replaced before those that serve', async () => {
    const simulation = await cluster({ UpdateConfig: { Order: 'stop-first' } });
    const task = simulation.running().find(({ Slot }) => Slot === 3);
    await notReady(simulation, task, simulation.now);
    await simulation.deploy('web:2');
    await until(simulation, () => simulation.running('web:2').length === 1);
    expect(simulation.running('web:2')[0]?.Slot).toBe(3);
  });
});

describe('failures count as long as the update waits before it goes on, as in Swarm', () => {
  it.each([
    [10, 5, 'paused'],
    [2, 5, 'completed'],
  ] as const)(
    'with a delay of %i s and %i s of monitoring, a failure after 7 s: %s',
    async (delay, monitor, end) => {
      const UpdateConfig = { Delay: delay * 1e9, Monitor: monitor * 1e9, FailureAction: 'pause' } as const;
      const simulation = await cluster({ Mode: { Replicated: { Replicas: 2 } }, UpdateConfig });
      await simulation.deploy('web:2');
      await until(simulation, () => simulation.running('web:2').length > 0);
      await simulation.run(7 * second);
      const [first] = simulation.running('web:2');
      await simulation.observe(first?.ID ?? '', 'failed');
      await until(simulation, hasState(simulation, end));
    },
  );
});

it('no update goes on for ever, whatever becomes of its tasks', async () => {
  const image = fc.constantFrom(
    'web:2',
    'broken:2',
    'absent:2',
    'once:2',
    'stays:preparing',
    'stays:starting',
  );
  const nodes = fc.subarray(['n1', 'n2', 'n3']);
  const config = fc.record({
    Order: fc.constantFrom('stop-first' as const, 'start-first' as const),
    FailureAction: fc.constantFrom('pause' as const, 'rollback' as const, 'continue' as const),
    Parallelism: fc.nat(2),
    MaxFailureRatio: fc.constantFrom(0, 0.4, 1),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.record({ image, config, stalling: nodes, broken: nodes, refusing: nodes, isGlobal: fc.boolean() }),
      async ({ image, config, stalling, broken, refusing, isGlobal }) => {
        const simulation = await cluster({
          ...quick,
          ...(isGlobal && { Mode: { Global: {} } }),
          UpdateConfig: config,
        });
        for (const id of stalling) simulation.stallingNodes.add(id);
        for (const id of broken) simulation.brokenNodes.add(id);
        for (const id of refusing) simulation.refusingNodes.add(id);
        await simulation.deploy(image);
        await simulation.run(500 * second, 1_000);
        expect(status(simulation)?.State).toMatch(/paused|completed/);
        checkWaits(simulation.snapshot);
      },
    ),
    { numRuns: 40 },
  );
});
