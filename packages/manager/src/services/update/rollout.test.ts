import { describe, expect, it } from 'vitest';
import { isWanted, stateOf } from '../../model/index.ts';
import { cluster, hasState, images, second, status, until, updating } from './rollout.fixture.ts';

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
        const running = simulation.tasks.filter((task) => stateOf(task) === 'running');
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

  it('changes a slot whose task is orphaned meanwhile no earlier than its turn comes', async () => {
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

describe('an update without room for a task more', () => {
  it('says so, and stops nothing, where the user asked for start-first', async () => {
    const simulation = await updating({ Order: 'start-first' });
    simulation.room = 1;
    await simulation.deploy('web:2');
    await simulation.run(10 * second);
    expect(simulation.running('web:1')).toHaveLength(3);
    expect(status(simulation)).toMatchObject({
      State: 'updating',
      Message: expect.stringMatching(
        /^update in progress; waiting for task t\d+: no suitable node \(no room\)$/,
      ),
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

  const noNode = {
    constraints: { Placement: { Constraints: ['node.labels.disk==ssd'] } },
    'what Docker 20.10 does not know': {
      ContainerSpec: { Mounts: [{ Type: 'image' as const, Source: 'tools:1', Target: '/tools' }] },
    },
  };
  it.each(
    Object.entries(noNode).flatMap(([what, template]) => [
      { what, template, config: {} },
      { what, template, config: { Order: 'stop-first' as const } },
    ]),
  )('stops nothing when no node is fit at all: $what ($config)', async ({ template, config }) => {
    const simulation = await updating(config);
    await simulation.change({ TaskTemplate: template });
    await simulation.run(10 * second);
    expect(simulation.running('web:1')).toHaveLength(3);
    expect(status(simulation)?.Message).toContain('; waiting for task ');
  });

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
  it('stops nothing on a node whose Docker is too old for it, stop-first', async () => {
    const simulation = await cluster({
      Mode: { Global: {} },
      UpdateConfig: { Order: 'stop-first', Parallelism: 0 },
    });
    await simulation.setNode('n2', (node) => ({
      ...node,
      reported: {
        ...node.reported,
        description: { ...node.reported.description, Engine: { EngineVersion: '28.0.1' } },
      },
    }));
    const Mounts = [{ Type: 'image' as const, Source: 'tools:1', Target: '/tools' }];
    await simulation.change({ TaskTemplate: { ContainerSpec: { Image: 'web:2', Mounts } } });
    await simulation.run(10 * second);
    expect(simulation.running('web:2').map(({ NodeID }) => NodeID)).toEqual(['n2']);
    expect(simulation.running('web:1')).toHaveLength(2);
  });

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
