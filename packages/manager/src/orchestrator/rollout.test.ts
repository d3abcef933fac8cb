import { describe, expect, it } from 'vitest';
import type { ServiceSpec, UpdateConfig } from '../model/index.ts';
import { Simulation } from './simulation.ts';
import { isWanted } from './standing.ts';

const second = 1_000;

/** Three replicas of web:1 that run. */
async function cluster(spec: Partial<ServiceSpec> = {}): Promise<Simulation> {
  const simulation = await Simulation.open(3);
  await simulation.change({ Mode: { Replicated: { Replicas: 3 } }, ...spec });
  await simulation.run(2 * second);
  return simulation;
}

const updating = (UpdateConfig: UpdateConfig, RollbackConfig: UpdateConfig = {}) =>
  cluster({ UpdateConfig, RollbackConfig });

const images = ({ tasks }: Simulation) =>
  tasks
    .filter(isWanted)
    .map(({ Spec }) => Spec.ContainerSpec?.Image)
    .sort();

const status = ({ service }: Simulation) => service.UpdateStatus;

/** Runs until `done`, checking `always` after every step. */
async function until(simulation: Simulation, done: () => boolean, always: () => void = () => undefined) {
  for (const end = simulation.now + 120 * second; !done(); ) {
    expect(simulation.now, 'it never came to that').toBeLessThan(end);
    await simulation.tick();
    always();
  }
}

const hasState = (simulation: Simulation, state: string) => () => status(simulation)?.State === state;

describe('what is no update', () => {
  it('creating and scaling a service', async () => {
    const simulation = await cluster();
    await simulation.scale(5);
    await simulation.run(2 * second);
    expect(simulation.running('web:1')).toHaveLength(5);
    expect(status(simulation)).toBeUndefined();
  });
});

describe('an update', () => {
  it('replaces one task after the other, start-first, and completes when the last has proved itself', async () => {
    const simulation = await cluster();
    await simulation.deploy('web:2');
    await simulation.tick();
    expect(status(simulation)).toEqual({
      State: 'updating',
      StartedAt: expect.any(String),
      Message: 'update in progress',
    });
    await until(
      simulation,
      () => simulation.running('web:2').length === 3,
      () => {
        expect(simulation.running().length).toBeGreaterThanOrEqual(3);
        expect(simulation.tasks.filter(isWanted).length).toBeLessThanOrEqual(4);
      },
    );
    const ran = simulation.now;
    await until(simulation, hasState(simulation, 'completed'));
    expect(simulation.now - ran).toBeGreaterThanOrEqual(4.9 * second);
    expect(simulation.now - ran).toBeLessThanOrEqual(5.5 * second);
    expect(status(simulation)).toMatchObject({
      CompletedAt: expect.any(String),
      Message: 'update completed',
    });
  });

  it('with stop-first never has two tasks of a slot running', async () => {
    const simulation = await updating({ Order: 'stop-first' });
    await simulation.deploy('web:2');
    await until(
      simulation,
      () => simulation.running('web:2').length === 3,
      () => {
        const running = simulation.tasks.filter(({ Status }) => Status.State === 'running');
        expect(new Set(running.map(({ Slot }) => Slot)).size).toBe(running.length);
        expect(simulation.running().length).toBeGreaterThanOrEqual(2);
      },
    );
  });

  it('with stop-first stops nothing for an image that can not be pulled', async () => {
    const simulation = await updating({ Order: 'stop-first', FailureAction: 'pause' });
    await simulation.deploy('absent:1');
    await until(simulation, hasState(simulation, 'paused'), () =>
      expect(simulation.running('web:1')).toHaveLength(3),
    );
  });

  it('replaces as many at a time as Parallelism says, all for 0', async () => {
    for (const [Parallelism, most] of [
      [2, 2],
      [0, 3],
    ] as const) {
      const simulation = await updating({ Parallelism, Delay: 60e9 });
      await simulation.deploy('web:2');
      await simulation.run(3 * second);
      expect(simulation.running('web:2')).toHaveLength(most);
    }
  });

  it('waits Delay after each task that runs', async () => {
    const simulation = await updating({ Delay: 10e9 });
    await simulation.deploy('web:2');
    await until(simulation, () => simulation.running('web:2').length === 1);
    await simulation.run(9 * second);
    expect(simulation.running('web:2')).toHaveLength(1);
    await simulation.run(3 * second);
    expect(simulation.running('web:2')).toHaveLength(2);
  });

  it('starts over when the next one comes', async () => {
    const simulation = await cluster();
    await simulation.deploy('web:2');
    await until(simulation, () => simulation.running('web:2').length === 1);
    await simulation.deploy('web:3');
    await until(
      simulation,
      () => simulation.running('web:3').length === 3,
      () => expect(simulation.running().length).toBeGreaterThanOrEqual(3),
    );
  });

  it('changes a slot whose task is lost meanwhile no earlier than its turn comes', async () => {
    const simulation = await updating({ Delay: 60e9 });
    await simulation.deploy('web:2');
    await until(simulation, () => simulation.running('web:2').length === 1);
    const old = simulation.running('web:1').map(({ NodeID }) => NodeID);
    await simulation.nodeState(old[0] ?? '', 'down');
    await simulation.run(3 * second);
    expect(images(simulation)).toEqual(['web:1', 'web:1', 'web:2']);
  });

  it('completes tasks that are meant to complete', async () => {
    const RestartPolicy = { Condition: 'none' as const };
    const TaskTemplate = { ContainerSpec: { Image: 'once:1' }, RestartPolicy };
    const simulation = await cluster({ TaskTemplate });
    await simulation.deploy('once:2');
    await until(simulation, hasState(simulation, 'completed'));
    expect(simulation.tasks.filter(isWanted)).toEqual([]);
  });
});

describe('an update that fails', () => {
  it.each(['broken:1', 'absent:1'])(
    'goes back to the previous spec, and healthy old tasks stay (%s)',
    async (image) => {
      const simulation = await cluster();
      const old = simulation.running('web:1').map(({ ID }) => ID);
      const { Spec, shoal } = simulation.service;
      await simulation.deploy(image);
      await until(simulation, hasState(simulation, 'rollback_started'));
      const failed = simulation.tasks.find(({ Status }) => ['failed', 'rejected'].includes(Status.State));
      expect(status(simulation)?.Message).toBe(
        `update rolled back due to failure or early termination of task ${failed?.ID}`,
      );
      expect(simulation.service).toMatchObject({ Spec, shoal: { specVersion: shoal.specVersion } });
      expect(simulation.service.PreviousSpec).toBeUndefined();
      await until(simulation, hasState(simulation, 'rollback_completed'));
      expect(simulation.running('web:1').map(({ ID }) => ID)).toEqual(old);
      expect(status(simulation)?.Message).toBe('rollback completed');
    },
  );

  it('counts a task that fails within Monitor after it ran, and none that fails later', async () => {
    for (const [wait, state] of [
      [4, 'paused'],
      [6, 'updating'],
    ] as const) {
      const simulation = await updating({ FailureAction: 'pause', Delay: 60e9 });
      await simulation.deploy('web:2');
      await until(simulation, () => simulation.running('web:2').length === 1);
      await simulation.run(wait * second);
      await simulation.observe(simulation.running('web:2')[0]?.ID ?? '', 'failed');
      await simulation.run(second);
      expect(status(simulation)?.State).toBe(state);
    }
  });

  it('pauses: nothing moves, what is up to date is restarted, lost old tasks are replaced by their like', async () => {
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

describe('an update without room for a task more', () => {
  it('says so, and stops nothing, where the user asked for start-first', async () => {
    const simulation = await updating({ Order: 'start-first' });
    simulation.room = 1;
    await simulation.deploy('web:2');
    await simulation.run(10 * second);
    expect(simulation.running('web:1')).toHaveLength(3);
    expect(status(simulation)).toMatchObject({
      State: 'updating',
      Message: expect.stringMatching(/^update in progress; waiting for task t\d+: no room$/),
    });
    simulation.room = 2;
    await until(simulation, hasState(simulation, 'completed'));
    expect(status(simulation)?.Message).toBe('update completed');
  });

  it.each([{}, { Order: 'stop-first' as const }])(
    'makes room where the user did not (%j)',
    async (config) => {
      const simulation = await updating(config);
      simulation.room = 1;
      await simulation.deploy('web:2');
      await until(simulation, hasState(simulation, 'completed'), () =>
        expect(simulation.running().length).toBeGreaterThanOrEqual(2),
      );
      expect(simulation.running('web:2')).toHaveLength(3);
    },
  );

  it.each([{}, { Order: 'stop-first' as const }])(
    'stops nothing when no node is fit at all (%j)',
    async (config) => {
      const simulation = await updating(config);
      const Placement = { Constraints: ['node.labels.disk==ssd'] };
      await simulation.change({ TaskTemplate: { ContainerSpec: { Image: 'web:2' }, Placement } });
      await simulation.run(10 * second);
      expect(simulation.running('web:1')).toHaveLength(3);
      expect(status(simulation)?.Message).toContain('; waiting for task ');
    },
  );

  it('replaces tasks that never found a node all at once', async () => {
    const Placement = { Constraints: ['node.labels.disk==ssd'] };
    const simulation = await cluster({ TaskTemplate: { ContainerSpec: { Image: 'web:1' }, Placement } });
    await simulation.change({ TaskTemplate: { ContainerSpec: { Image: 'web:2' } } });
    await simulation.run(second);
    expect(simulation.running('web:2')).toHaveLength(3);
    await until(simulation, hasState(simulation, 'completed'));
  });
});

describe('an update of a global service', () => {
  it('goes from node to node, leaves out paused ones, and comes to them later', async () => {
    const simulation = await cluster({ Mode: { Global: {} } });
    await simulation.availability('n2', 'pause');
    await simulation.deploy('web:2');
    await until(simulation, hasState(simulation, 'completed'));
    expect(images(simulation)).toEqual(['web:1', 'web:2', 'web:2']);
    await simulation.availability('n2', 'active');
    await simulation.run(2 * second);
    expect(images(simulation)).toEqual(['web:2', 'web:2', 'web:2']);
  });
});
