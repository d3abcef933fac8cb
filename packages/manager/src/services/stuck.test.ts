import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { isWanted, type UpdateConfig } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService, aTask } from '../testing.ts';
import { reconcile } from './loop.ts';
import { cluster, hasState, images, second, status, until, updating } from './update/rollout.fixture.ts';

const old = ['web:1', 'web:1', 'web:1'];
const nowhere = { Constraints: ['node.labels.disk==ssd'] };

describe('an update whose next task no node takes', () => {
  it.each([
    ['pause', 'paused', 'update paused due to lack of a node for slot 1: no suitable node (no room)'],
    ['continue', 'paused', 'update paused due to lack of a node for slot 1: no suitable node (no room)'],
    [
      'rollback',
      'rollback_completed',
      'rollback completed; update rolled back due to lack of a node for slot 1: no suitable node (no room)',
    ],
  ] as const)('ends by its failure action, %s, once that is sure', async (FailureAction, State, Message) => {
    const simulation = await updating({ Order: 'start-first', FailureAction });
    const before = simulation.running().map(({ ID }) => ID);
    simulation.room = 1;
    await simulation.deploy('web:2');
    await simulation.run(14 * second);
    expect(status(simulation)?.State).toBe('updating');
    await until(simulation, hasState(simulation, State));
    expect(status(simulation)).toMatchObject({ Message });
    // Nothing goes on by itself when there is room after all.
    simulation.room = 9;
    await simulation.run(60 * second);
    expect(simulation.tasks.map(({ ID }) => ID)).toEqual(before);
    expect(status(simulation)).toMatchObject({ State, Message });
  });

  it.each([{}, { Order: 'stop-first' }, { Parallelism: 0 }, { Parallelism: 2 }] as UpdateConfig[])(
    'ends where no node is fit (%j)',
    async (config) => {
      const simulation = await updating({ ...config, FailureAction: 'pause' });
      const TaskTemplate = { ContainerSpec: { Image: 'web:2' }, Placement: nowhere };
      await simulation.change({ TaskTemplate });
      await until(simulation, hasState(simulation, 'paused'));
      expect(images(simulation)).toEqual(old);
    },
  );

  it('gives a slot its old version back that was stopped for it, stop-first', async () => {
    const simulation = await updating({ Order: 'stop-first', FailureAction: 'pause' });
    simulation.room = 1;
    await simulation.deploy('web:2');
    await until(simulation, () => simulation.running().length === 2);
    simulation.room = 0;
    await until(simulation, hasState(simulation, 'paused'));
    simulation.room = 1;
    await until(simulation, () => simulation.running('web:1').length === 3);
  });

  it('of a global service ends, too', async () => {
    const UpdateConfig = { Order: 'start-first', FailureAction: 'pause' } as const;
    const simulation = await cluster({ Mode: { Global: {} }, UpdateConfig });
    simulation.room = 1;
    await simulation.deploy('web:2');
    await until(simulation, hasState(simulation, 'paused'));
    expect(status(simulation)?.Message).toBe(
      'update paused due to lack of a node for the task of n1: no suitable node (no room)',
    );
    expect(images(simulation)).toEqual(old);
  });

  it('updates first what it can', async () => {
    const simulation = await updating({ Order: 'start-first', FailureAction: 'pause', Parallelism: 2 });
    await simulation.availability('n2', 'pause');
    await simulation.availability('n3', 'pause');
    simulation.room = 2;
    await simulation.deploy('web:2');
    await until(simulation, hasState(simulation, 'paused'));
    expect(images(simulation)).toEqual(['web:1', 'web:2', 'web:2']);
  });
});

describe('what may still come is waited for', () => {
  it('a node that is away', async () => {
    const simulation = await updating({ Order: 'start-first', FailureAction: 'pause' });
    simulation.room = 1;
    await simulation.setNode('n3', (node) => ({
      ...node,
      judged: { state: 'disconnected' },
    }));
    await simulation.deploy('web:2');
    await simulation.run(60 * second);
    expect(status(simulation)?.State).toBe('updating');
    await simulation.run(5 * 60 * second, second);
    expect(status(simulation)?.State).toBe('paused');
  });

  it('a task that takes its time to leave, of whatever service', async () => {
    const simulation = await updating({ Order: 'start-first', FailureAction: 'pause' });
    const leaving = aTask('x', {
      ServiceID: 'other',
      NodeID: 'n1',
      DesiredState: 'shutdown',
      Status: { Timestamp: '', State: 'running' },
    });
    await simulation.store.update((tx) => tx.tasks.create(leaving));
    simulation.room = 1;
    await simulation.deploy('web:2');
    await simulation.run(60 * second);
    expect(status(simulation)?.State).toBe('updating');
    await simulation.store.update((tx) => tx.tasks.remove('x'));
    await simulation.run(10 * second);
    expect(status(simulation)?.State).toBe('paused');
  });
});

describe('slots that were empty before', () => {
  it('hold up no update', async () => {
    const simulation = await cluster();
    simulation.room = 1;
    await simulation.scale(4);
    await simulation.run(second);
    expect(simulation.running()).toHaveLength(3);
    simulation.room = 1;
    await simulation.deploy('web:2');
    await until(simulation, hasState(simulation, 'completed'));
    expect(simulation.running('web:2')).toHaveLength(3);
    expect(simulation.tasks.filter(isWanted)).toHaveLength(4);
    expect(status(simulation)?.Message).toBe('update completed');
  });
});

it('no update goes on for ever, whatever room there is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        Order: fc.constantFrom(null, 'start-first' as const, 'stop-first' as const),
        FailureAction: fc.constantFrom('pause' as const, 'continue' as const, 'rollback' as const),
        Parallelism: fc.integer({ min: 0, max: 2 }),
      }),
      fc.record({ replicas: fc.integer({ min: 1, max: 4 }), before: fc.nat(2), after: fc.nat(2) }),
      fc.constantFrom('down' as const, 'pause' as const, 'drain' as const, 'fine' as const),
      fc.boolean(),
      async (UpdateConfig, { replicas, before, after }, n3, fits) => {
        const simulation = await updating(UpdateConfig);
        simulation.room = before;
        await simulation.scale(replicas);
        await simulation.run(2 * second);
        if (n3 === 'down') await simulation.nodeState('n3', 'down');
        else if (n3 !== 'fine') await simulation.availability('n3', n3);
        simulation.room = after;
        const running = simulation.running().length;
        const Placement = fits ? {} : nowhere;
        await simulation.change({ TaskTemplate: { ContainerSpec: { Image: 'web:2' }, Placement } });
        await simulation.run(20 * 60 * second, second);
        expect(status(simulation)?.State ?? 'none').not.toMatch(/^(updating|rollback_started)$/);
        // Where it took no room away, as many run as before.
        if (after >= Math.max(before, 1) && n3 === 'fine')
          expect(simulation.running().length).toBeGreaterThanOrEqual(running);
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);

describe('services whose updates wait for room in one round', () => {
  /** A task of each runs on a node of its own, and its successor, made at 0, finds no node. */
  async function waiting(...names: string[]): Promise<TestStore> {
    const store = await TestStore.open(memoryBackend(), () => 0);
    await store.update((tx) => {
      for (const name of [...names, 'other']) {
        const UpdateConfig = { Order: 'start-first', FailureAction: 'pause' } as const;
        const UpdateStatus = { State: 'updating', StartedAt: new Date(0).toISOString() } as const;
        const Spec = { Name: name, Mode: { Replicated: { Replicas: 1 } }, UpdateConfig };
        tx.services.create(aService(name, { Spec, UpdateStatus, shoal: { specVersion: 2 } }));
        tx.nodes.create(aNode(`of-${name}`));
        const Status = { State: 'running' as const, Timestamp: new Date(0).toISOString() };
        tx.tasks.create(aTask(`${name}-1`, { ServiceID: name, NodeID: `of-${name}`, Status }));
        const shoal = { specVersion: 2, ports: [], replaces: `${name}-1` };
        tx.tasks.create(
          aTask(`${name}-2`, {
            ServiceID: name,
            shoal,
            Status: { ...Status, State: 'pending', Err: 'no room' },
          }),
        );
      }
    });
    return store;
  }
  const states = ({ view }: TestStore, ...names: string[]) =>
    names.map((name) => view.services.get(name)?.UpdateStatus?.State);
  const options = { ids: () => 'next', log: pino({ level: 'silent' }) };

  it('cost one look at the nodes together', async () => {
    const store = await waiting('a', 'b', 'c');
    let looks = 0;
    await store.update((tx) => {
      const by = vi.spyOn(tx.tasks, 'by');
      reconcile(tx, ['a', 'b', 'c'], 20_000, options);
      looks = by.mock.calls.filter(([index]) => index === 'node').length;
    });
    expect(looks).toBe([...store.view.nodes.all()].length);
    expect(states(store, 'a', 'b', 'c')).toEqual(['paused', 'paused', 'paused']);
  });

  it('see what was stopped in it', async () => {
    const store = await waiting('a', 'b');
    await store.update((tx) => {
      const other = tx.services.get('other');
      if (other) tx.services.update({ ...other, shoal: { ...other.shoal, removing: true } });
    });
    await store.update((tx) => void reconcile(tx, ['a', 'other', 'b'], 20_000, options));
    expect(states(store, 'a', 'b')).toEqual(['paused', 'updating']);
  });
});
