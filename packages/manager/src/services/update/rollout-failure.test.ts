import { describe, expect, it } from 'vitest';
import { isWanted, stateOf } from '../../model/index.ts';
import { aCluster } from '../../testing.ts';
import { cluster, hasState, images, second, status, until, updating } from './rollout.fixture.ts';

describe('an update that fails', () => {
  it.each(['broken:1', 'absent:1'])(
    'goes back to the previous spec, and healthy old tasks stay (%s)',
    async (image) => {
      const simulation = await cluster();
      const old = simulation.running('web:1').map(({ ID }) => ID);
      const { Spec, shoal } = simulation.service;
      await simulation.deploy(image);
      await until(simulation, hasState(simulation, 'rollback_started'));
      // Only when the last host has refused it, it is a failure.
      const failed = simulation.tasks.find(
        (task) => ['failed', 'rejected'].includes(stateOf(task)) && task.shoal.stopReason !== 'next-host',
      );
      const why = `update rolled back due to failure or early termination of task ${failed?.ID}`;
      expect(status(simulation)?.Message).toBe(why);
      expect(simulation.service).toMatchObject({ Spec, shoal: { specVersion: shoal.specVersion } });
      expect(simulation.service.PreviousSpec).toBeUndefined();
      await until(simulation, hasState(simulation, 'rollback_completed'));
      expect(simulation.running('web:1').map(({ ID }) => ID)).toEqual(old);
      expect(status(simulation)?.Message).toBe(`rollback completed; ${why}`);
    },
  );

  it('leaves to read what it failed of, from when to when, though no other history is kept', async () => {
    const simulation = await cluster();
    await simulation.store.update((tx) => tx.clusters.create(aCluster({ TaskHistoryRetentionLimit: 0 })));
    await simulation.deploy('web:2');
    await simulation.tick();
    const { StartedAt } = status(simulation) ?? {};
    await until(simulation, () => simulation.running('web:2').length === 1);
    const [failed] = simulation.running('web:2');
    await simulation.observe(failed?.ID ?? '', 'failed', 'task: non-zero exit (3)');
    await until(simulation, hasState(simulation, 'rollback_completed'));
    await simulation.run(60 * second);
    const { CompletedAt = '', ...rest } = status(simulation) ?? {};
    expect(rest).toEqual({
      State: 'rollback_completed',
      StartedAt,
      Message: `rollback completed; update rolled back due to failure or early termination of task ${failed?.ID}: task: non-zero exit (3)`,
    });
    expect(Date.parse(CompletedAt ?? '')).toBeGreaterThan(Date.parse(StartedAt ?? ''));
    expect(simulation.tasks.filter((task) => !isWanted(task))).toMatchObject([
      { ID: failed?.ID, Slot: failed?.Slot, observed: { err: 'task: non-zero exit (3)' } },
    ]);
    // The next update has a reason of its own, or none.
    await simulation.deploy('web:3');
    await until(simulation, hasState(simulation, 'completed'));
    expect(status(simulation)?.Message).toBe('update completed');
    expect(simulation.tasks.map(({ ID }) => ID)).not.toContain(failed?.ID);
  });

  it('counts a task that fails within Monitor after it ran, and none that fails later', async () => {
    for (const [wait, state] of [
      [4, 'paused'],
      [6, 'updating'],
    ] as const) {
      const simulation = await updating({ FailureAction: 'pause', Delay: 4e9 });
      await simulation.deploy('web:2');
      await until(simulation, () => simulation.running('web:2').length === 1);
      const [first] = simulation.running('web:2');
      await simulation.run(wait * second);
      await simulation.observe(first?.ID ?? '', 'failed');
      await simulation.run(second);
      expect(status(simulation)?.State).toBe(state);
    }
  });

  it('pauses: nothing moves, what is up to date is restarted, orphaned old tasks are replaced by their like', async () => {
    const simulation = await updating({ FailureAction: 'pause' });
    await simulation.deploy('broken:1');
    await until(simulation, hasState(simulation, 'paused'));
    expect(status(simulation)?.Message).toMatch(
      /^update paused due to failure or early termination of task t\d+$/,
    );
    await simulation.run(30 * second);
    expect(images(simulation)).toEqual(['web:1', 'web:1', 'web:1']);
    await simulation.nodeState('n1', 'down');
    await simulation.run(3 * second);
    expect(simulation.running('web:1')).toHaveLength(3);
  });

  it('goes on after the pause with the next update', async () => {
    const simulation = await updating({ FailureAction: 'pause' });
    await simulation.deploy('broken:1');
    await until(simulation, hasState(simulation, 'paused'));
    await simulation.deploy('web:3');
    await until(simulation, hasState(simulation, 'completed'));
    expect(simulation.running('web:3')).toHaveLength(3);
  });

  it('continues where the user wants that, but keeps old tasks until new ones run, and says what it waits for', async () => {
    const simulation = await updating({ FailureAction: 'continue' });
    await simulation.deploy('broken:1');
    await simulation.run(30 * second);
    expect(simulation.running('web:1')).toHaveLength(3);
    expect(status(simulation)).toMatchObject({ State: 'updating' });
    expect(status(simulation)?.Message).toMatch(
      /^update in progress; waiting for task t\d+ to run after \d that ended early$/,
    );
  });

  it('bears as many failures as MaxFailureRatio allows', async () => {
    const simulation = await updating({ FailureAction: 'pause', MaxFailureRatio: 0.4 });
    await simulation.deploy('web:2');
    const failNext = async () => {
      await until(simulation, () => simulation.running('web:2').length > 0);
      await simulation.observe(simulation.running('web:2').at(-1)?.ID ?? '', 'failed');
      await simulation.tick();
    };
    await failNext();
    expect(status(simulation)?.State).toBe('updating');
    await failNext();
    expect(status(simulation)?.State).toBe('paused');
  });

  it('pauses where there is nothing to go back to', async () => {
    const simulation = await cluster();
    await simulation.deploy('broken:1');
    await simulation.store.update((tx) => {
      const { PreviousSpec: _, ...service } = simulation.service;
      tx.services.update(service);
    });
    await until(simulation, hasState(simulation, 'paused'));
  });

  it('is not rolled back to the same tasks when only the scale changed since', async () => {
    const simulation = await cluster();
    await simulation.deploy('broken:1');
    await simulation.scale(4);
    await until(simulation, hasState(simulation, 'paused'));
  });
});

describe('a rollback', () => {
  it('replaces what was updated already, by the rules for rollbacks', async () => {
    const simulation = await updating(
      { Parallelism: 0, FailureAction: 'rollback' },
      { Parallelism: 1, Delay: 60e9 },
    );
    await simulation.deploy('web:2');
    await until(simulation, () => simulation.running('web:2').length === 3);
    await simulation.run(second);
    await simulation.observe(simulation.running('web:2')[0]?.ID ?? '', 'failed');
    await simulation.run(3 * second);
    expect(status(simulation)?.State).toBe('rollback_started');
    expect(images(simulation)).toEqual(['web:1', 'web:2', 'web:2']);
  });

  it('that fails too says what both failed of', async () => {
    const simulation = await updating({ Parallelism: 0, FailureAction: 'rollback' });
    await simulation.deploy('web:2');
    await until(simulation, () => simulation.running('web:2').length === 3);
    await simulation.run(second);
    const [failed] = simulation.running('web:2');
    for (const { ID } of simulation.store.view.nodes.all()) simulation.brokenNodes.add(ID);
    await simulation.observe(failed?.ID ?? '', 'failed', 'task: non-zero exit (3)');
    await until(simulation, hasState(simulation, 'rollback_paused'));
    expect(status(simulation)?.Message).toMatch(
      new RegExp(
        `^rollback paused due to failure or early termination of task t\\d+; update rolled back due to failure or early termination of task ${failed?.ID}: task: non-zero exit \\(3\\)$`,
      ),
    );
  });

  it('that fails pauses', async () => {
    const simulation = await cluster();
    await simulation.deploy('broken:1');
    await until(simulation, () => status(simulation) !== undefined);
    // A rollback by hand, to a version that is no better.
    await simulation.store.update((tx) => {
      const UpdateStatus = {
        State: 'rollback_started' as const,
        StartedAt: new Date(simulation.now).toISOString(),
        Message: 'manually requested rollback',
      };
      tx.services.update({ ...simulation.service, UpdateStatus });
    });
    await until(simulation, hasState(simulation, 'rollback_paused'));
    expect(status(simulation)?.Message).toMatch(
      /^rollback paused due to failure or early termination of task /,
    );
    expect(simulation.running('web:1')).toHaveLength(3);
  });
});
