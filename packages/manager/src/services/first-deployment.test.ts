import { describe, expect, it } from 'vitest';
import { progressDeadlineLabel, type ServiceSpec } from '../model/index.ts';
import { aService } from '../testing.ts';
import { epochMs, Simulation } from './simulation.fixture.ts';
import { decide, ended } from './testing.ts';
import { hasState, second, status, until } from './update/rollout.fixture.ts';
import { checkWaits } from './waits.fixture.ts';

const minute = 60 * second;
const { Spec } = aService('web');

/** As the API makes it: nothing of it has run yet. */
const fresh = (Image: string, spec: Partial<ServiceSpec> = {}) =>
  Simulation.open(3, {
    Spec: {
      ...Spec,
      Mode: { Replicated: { Replicas: 2 } },
      TaskTemplate: { ContainerSpec: { Image } },
      ...spec,
    },
    shoal: { specVersion: 1, firstDeployment: { since: epochMs } },
  });

const isProved = ({ service }: Simulation): boolean => service.shoal.firstDeployment === undefined;

describe('a first deployment', () => {
  it('is over when a task has run for Monitor', async () => {
    const simulation = await fresh('web:1');
    await simulation.run(4 * second);
    expect(isProved(simulation)).toBe(false);
    checkWaits(simulation.snapshot);
    await simulation.run(3 * second);
    expect(isProved(simulation)).toBe(true);
    expect(status(simulation)).toBeUndefined();
    checkWaits(simulation.snapshot);
  });

  it.each(['broken:1', 'absent:1', 'once:1'])('that fails again and again stops (%s)', async (image) => {
    const simulation = await fresh(image);
    await simulation.run(2 * minute, 500);
    expect(status(simulation)).toBeUndefined();
    await simulation.run(2 * minute, 500);
    expect(status(simulation)).toMatchObject({
      State: 'paused',
      Message: expect.stringMatching(
        /^first deployment stopped due to failure or early termination of task t\d+.* \(\d in a row\); it is tried again when the service is updated$/,
      ),
    });
    await simulation.run(2 * minute, 500);
    checkWaits(simulation.snapshot);
    const made = simulation.tasks.map(({ ID }) => ID);
    await simulation.run(30 * minute, 5_000);
    expect(simulation.tasks.map(({ ID }) => ID)).toEqual(made);
  });

  it('says what the container wrote last', () => {
    const head = ended('b', { since: 130_000, shoal: { failures: 5 } });
    const observed = {
      ...head.observed,
      err: 'task: non-zero exit (3)',
      lastLines: 'starting | no database',
    };
    const service = aService('web', { shoal: { specVersion: 1, firstDeployment: { since: epochMs } } });
    const task = {
      ...head,
      observed: { ...observed, state: 'failed' as const, at: head.observed?.at ?? '' },
    };
    const decision = decide({ service, tasks: [task], at: 131_000 });
    expect(decision.service?.UpdateStatus?.Message).toBe(
      'first deployment stopped due to failure or early termination of task b: task: non-zero exit (3); its last words: starting | no database (6 in a row); it is tried again when the service is updated',
    );
    expect(decision.create).toEqual([]);
  });

  it('of which the restart policy is used up stops, too', async () => {
    const RestartPolicy = { Condition: 'on-failure' as const, Delay: 1e9, MaxAttempts: 2 };
    const simulation = await fresh('broken:1', {
      TaskTemplate: { ContainerSpec: { Image: 'broken:1' }, RestartPolicy },
    });
    await until(simulation, hasState(simulation, 'paused'));
    expect(status(simulation)?.Message).toContain('and its restart policy allows no more attempts');
  });

  it('that does not get on stops after the progress deadline, and is over if it comes to run after all', async () => {
    const simulation = await fresh('web:1', { Labels: { [progressDeadlineLabel]: '30s' } });
    for (const id of ['n1', 'n2', 'n3']) simulation.stallingNodes.add(id);
    await simulation.run(29 * second);
    expect(status(simulation)).toBeUndefined();
    checkWaits(simulation.snapshot);
    await until(simulation, hasState(simulation, 'paused'));
    expect(status(simulation)?.Message).toMatch(
      /^first deployment stopped due to task t\d+, which did not run within 30 s \(shoal.progress-deadline\) but is preparing;/,
    );
    simulation.stallingNodes.clear();
    await until(simulation, () => isProved(simulation));
    expect(status(simulation)).toBeUndefined();
    expect(simulation.running()).toHaveLength(2);
  });

  it('is not stopped for want of a node', async () => {
    const simulation = await fresh('web:1', { Labels: { [progressDeadlineLabel]: '30s' } });
    simulation.room = 0;
    await simulation.run(5 * minute, second);
    expect(status(simulation)).toBeUndefined();
  });
});

describe('after it was stopped', () => {
  const stopped = async () => {
    const simulation = await fresh('broken:1');
    await simulation.run(5 * minute, 500);
    expect(status(simulation)?.State).toBe('paused');
    return simulation;
  };
  /** As the API does it. */
  const triedAnew = (simulation: Simulation) =>
    simulation.store.update((tx) => {
      const { service } = simulation;
      tx.services.update({
        ...service,
        shoal: { ...service.shoal, firstDeployment: { since: simulation.now } },
      });
    });

  it('another image is tried at once', async () => {
    const simulation = await stopped();
    await simulation.deploy('web:2');
    await triedAnew(simulation);
    await until(simulation, hasState(simulation, 'completed'));
    expect(simulation.running('web:2')).toHaveLength(2);
    expect(isProved(simulation)).toBe(true);
  });

  it('an update that is no better pauses, and does not go back to what never worked', async () => {
    const simulation = await stopped();
    await simulation.deploy('broken:2');
    await triedAnew(simulation);
    await until(simulation, hasState(simulation, 'paused'));
    expect(simulation.service.Spec.TaskTemplate?.ContainerSpec?.Image).toBe('broken:2');
    await simulation.run(5 * minute, 500);
    const made = simulation.tasks.length;
    await simulation.run(10 * minute, 5_000);
    expect(simulation.tasks).toHaveLength(made);
  });

  it('any change of the service tries it again', async () => {
    const simulation = await stopped();
    const before = new Set(simulation.tasks.map(({ ID }) => ID));
    await simulation.scale(2);
    await triedAnew(simulation);
    await simulation.run(second);
    expect(simulation.tasks.some(({ ID }) => !before.has(ID))).toBe(true);
    await simulation.run(5 * minute, 500);
    expect(status(simulation)?.State).toBe('paused');
  });

  it('its attempts and its delay begin anew with that', async () => {
    const RestartPolicy = { Condition: 'on-failure' as const, Delay: 1e9, MaxAttempts: 2 };
    const TaskTemplate = { ContainerSpec: { Image: 'broken:1' }, RestartPolicy };
    const simulation = await fresh('broken:1', { TaskTemplate, Mode: { Replicated: { Replicas: 1 } } });
    await until(simulation, hasState(simulation, 'paused'));
    expect(simulation.tasks).toHaveLength(3);
    await simulation.run(minute);
    await simulation.change({ Labels: { a: 'b' } });
    await triedAnew(simulation);
    await simulation.run(second);
    expect(status(simulation)).toBeUndefined();
    await until(simulation, hasState(simulation, 'paused'));
    expect(simulation.tasks).toHaveLength(5);
  });
});

it('a service that worked once is never given up', async () => {
  const simulation = await fresh('web:1');
  await simulation.run(10 * second);
  for (const id of ['n1', 'n2', 'n3']) simulation.brokenNodes.add(id);
  for (const { ID } of simulation.running()) await simulation.observe(ID, 'failed');
  await simulation.run(30 * minute, second);
  expect(status(simulation)).toBeUndefined();
  simulation.brokenNodes.clear();
  await until(simulation, () => simulation.running().length === 2);
});
