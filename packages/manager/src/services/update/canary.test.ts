import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canaryStepsLabel, type ServiceSpec, strategyLabel, type UpdateConfig } from '../../model/index.ts';
import type { Simulation } from '../simulation.fixture.ts';
import { checkWaits } from '../waits.fixture.ts';
import { cluster, hasState, second, status, until } from './rollout.fixture.ts';

const byCanary = (
  steps: string,
  replicas: number,
  UpdateConfig: UpdateConfig = {},
): Partial<ServiceSpec> => ({
  Labels: { [strategyLabel]: 'canary', [canaryStepsLabel]: steps },
  Mode: { Replicated: { Replicas: replicas } },
  UpdateConfig: { Parallelism: 0, ...UpdateConfig },
});

const updated = (simulation: Simulation): number => simulation.running('web:2').length;

describe('an update by canary', () => {
  it('takes one step after the other, each once its tasks have run for its wait, and then all', async () => {
    const simulation = await cluster(byCanary('10%:30s,50%:20s', 10));
    await simulation.deploy('web:2');
    await until(simulation, () => updated(simulation) === 1);
    const first = simulation.now;
    await simulation.run(20 * second);
    expect(updated(simulation)).toBe(1);
    expect(status(simulation)?.Message).toMatch(
      /^update in progress; canary step 1 of 2: 1 of 10 tasks \(10%\), until 2026-01-01T/,
    );
    checkWaits(simulation.snapshot);
    await until(simulation, () => updated(simulation) === 5);
    expect(simulation.now - first).toBeGreaterThanOrEqual(29 * second);
    const second5 = simulation.now;
    await until(simulation, () => updated(simulation) > 5);
    expect(simulation.now - second5).toBeGreaterThanOrEqual(19 * second);
    await until(simulation, hasState(simulation, 'completed'));
    expect(updated(simulation)).toBe(10);
  });

  it.each([{ FailureAction: 'pause' }, { FailureAction: 'continue' }, {}] as UpdateConfig[])(
    'is taken back when one of its tasks ends, however long it ran (%j)',
    async (config) => {
      const simulation = await cluster(byCanary('10%:10m', 10, config));
      await simulation.deploy('web:2');
      await until(simulation, () => updated(simulation) === 1);
      await simulation.run(60 * second);
      await simulation.observe(simulation.running('web:2')[0]?.ID ?? '', 'failed', 'task: non-zero exit (3)');
      await until(simulation, hasState(simulation, 'rollback_completed'), () =>
        expect(simulation.running('web:1').length).toBeGreaterThanOrEqual(9),
      );
      expect(simulation.running('web:1')).toHaveLength(10);
      expect(status(simulation)?.Message).toContain('task: non-zero exit (3)');
    },
  );

  it('waits while one of its tasks gets no traffic, and is taken back when that lasts', async () => {
    const spec = byCanary('50%:1s', 2);
    const simulation = await cluster({
      ...spec,
      Labels: { ...spec.Labels, 'shoal.progress-deadline': '30s' },
    });
    await simulation.deploy('web:2');
    await until(simulation, () => updated(simulation) === 1);
    const [task] = simulation.running('web:2');
    await simulation.store.update((tx) => {
      const at = new Date(simulation.now).toISOString();
      const observed = { state: 'running' as const, at, unfitSince: at, err: 'task: not ready (HTTP 503)' };
      if (task) tx.tasks.update({ ...task, observed });
    });
    await simulation.run(20 * second);
    expect(updated(simulation)).toBe(1);
    expect(status(simulation)?.State).toBe('updating');
    await until(simulation, hasState(simulation, 'rollback_started'));
    expect(status(simulation)?.Message).toContain('was not fit for traffic within 30 s');
  });

  it('of so few tasks that two steps are as many waits for both', async () => {
    const simulation = await cluster(byCanary('10%:20s,30%:20s', 3));
    await simulation.deploy('web:2');
    await until(simulation, () => updated(simulation) === 1);
    await simulation.run(38 * second);
    expect(updated(simulation)).toBe(1);
    await until(simulation, hasState(simulation, 'completed'));
  });

  it('goes on at once when the label is taken away', async () => {
    const simulation = await cluster(byCanary('10%:1h', 4));
    await simulation.deploy('web:2');
    await until(simulation, () => updated(simulation) === 1);
    await simulation.change({ Labels: {} });
    await until(simulation, hasState(simulation, 'completed'));
    expect(updated(simulation)).toBe(4);
  });
});

it('never has more tasks of the new version than its step, and always ends', async () => {
  const parts = fc.record({
    replicas: fc.integer({ min: 1, max: 8 }),
    percents: fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 3 }),
    Parallelism: fc.nat(3),
    Order: fc.constantFrom('start-first' as const, 'stop-first' as const),
    lost: fc.option(fc.constantFrom('n1', 'n2', 'n3'), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(parts, async ({ replicas, percents, Parallelism, Order, lost }) => {
      const steps = percents.toSorted((a, b) => a - b);
      const text = steps.map((percent) => `${percent}%:10s`).join();
      const simulation = await cluster(byCanary(text, replicas, { Parallelism, Order }));
      await simulation.deploy('web:2');
      const begun = simulation.now;
      const end = begun + 300 * second;
      let isLost = lost === undefined;
      while (status(simulation)?.State !== 'completed' && simulation.now < end) {
        await simulation.tick(500);
        if (lost && !isLost && simulation.now > begun + 5 * second) {
          isLost = true;
          await simulation.powerOff(lost);
        }
        const passed = Math.floor((simulation.now - begun) / (10 * second));
        const share = steps[passed] ?? 100;
        expect(updated(simulation)).toBeLessThanOrEqual(Math.ceil((replicas * share) / 100));
      }
      expect(status(simulation)?.State).toBe('completed');
      expect(updated(simulation)).toBe(replicas);
    }),
    { numRuns: 40 },
  );
});
