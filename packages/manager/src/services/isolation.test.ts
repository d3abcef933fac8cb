import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Leases, slotKey, stateOf } from '../model/index.ts';
import { aNode, aService, withStatus } from '../testing.ts';
import { Simulation } from './simulation.fixture.ts';
import { decide, nodesOf, type TaskParts, task } from './testing.ts';

const service = aService('web', { Spec: { Labels: { 'shoal.isolation': 'stop' } } });
const cluster = (leases?: Leases) =>
  nodesOf(aNode('n1', { judged: { state: 'down', ...(leases && { leases }) } }), aNode('n2'));
const orphaned = (parts: TaskParts = {}) =>
  task('a', {
    ...parts,
    change: { DesiredState: 'shutdown' },
    shoal: { isolated: true, stopReason: 'node-down', orphaned: true, ...parts.shoal },
  });
const next = task('next', {
  node: 'n2',
  state: 'ready',
  change: { DesiredState: 'ready' },
  shoal: { isolated: true },
});

describe('a task that must run only once, on a node that is cut off', () => {
  it('is given up like any other, but what replaces it is only prepared', () => {
    const { update, create } = decide({
      service,
      nodes: cluster('running'),
      tasks: [task('a', { shoal: { isolated: true } })],
    });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown', shoal: { orphaned: true } }]);
    expect(create).toMatchObject([{ DesiredState: 'ready', shoal: { isolated: true } }]);
  });

  it.each(['running', 'unsure'] as const)('is waited for while its leases are %s', (leases) => {
    expect(decide({ service, nodes: cluster(leases), tasks: [orphaned(), next] })).toMatchObject({
      create: [],
      update: [],
      remove: [],
    });
  });

  it('is replaced once it has surely stopped, and may not come back', () => {
    const { update } = decide({ service, nodes: cluster('over'), tasks: [orphaned(), next] });
    expect(update).toMatchObject([
      { ID: 'a', DesiredState: 'shutdown' },
      { ID: 'next', DesiredState: 'running' },
    ]);
    expect(update[0]?.shoal).not.toHaveProperty('orphaned');
  });

  it('is replaced when its node is removed', () => {
    const { update } = decide({ service, nodes: nodesOf(aNode('n2')), tasks: [orphaned(), next] });
    expect(update).toMatchObject([{ ID: 'next', DesiredState: 'running' }]);
  });

  it('goes on when its node is back in time', () => {
    const nodes = nodesOf(aNode('n1'), aNode('n2'));
    const { update } = decide({ service, nodes, tasks: [orphaned(), next] });
    expect(update).toMatchObject([
      { ID: 'a', DesiredState: 'running' },
      { ID: 'next', DesiredState: 'shutdown', shoal: { stopReason: 'surplus' } },
    ]);
  });

  it('is not forgotten by scaling down, nor for want of room in the history', () => {
    const Spec = { ...service.Spec, Mode: { Replicated: { Replicas: 0 } } };
    const none = decide({
      service: { ...service, Spec },
      nodes: cluster('running'),
      tasks: [orphaned()],
      historyLimit: 0,
    });
    expect(none).toMatchObject({ update: [{ ID: 'a', DesiredState: 'remove' }], remove: [] });
    expect(
      decide({ service, nodes: cluster('running'), tasks: [orphaned(), next], historyLimit: 0 }).remove,
    ).toEqual([]);
  });
});

it('an agent that is heard, though its daemon is dead, is told to stop it', () => {
  for (const tasks of [[task('a', { shoal: { isolated: true } })], [orphaned(), next]]) {
    const { update } = decide({ service, nodes: cluster(), tasks });
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown', shoal: { stopReason: 'node-down' } }]);
    expect(update[0]?.shoal).not.toHaveProperty('orphaned');
  }
});

it('a stop for want of contact is no failure of the service', () => {
  const stopped = task('a', { state: 'shutdown', shoal: { isolated: true, failures: 3 } });
  const { update, create } = decide({
    service,
    tasks: [withStatus(stopped, { cutOff: true })],
  });
  expect(update).toMatchObject([{ ID: 'a', shoal: { stopReason: 'no-contact' } }]);
  expect(create).toMatchObject([{ DesiredState: 'running', shoal: { isolated: true, failures: 3 } }]);
});

/** Follows which containers really run, by what agents did, not by what the manager believes. */
class Copies {
  readonly #simulation: Simulation;
  readonly #running = new Map<string, { readonly place: string; readonly node: string }>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    simulation.store.watch(({ changes }) => {
      for (const change of changes) {
        if (change.table !== 'tasks' || !change.after) continue;
        const { ID, NodeID: node = '' } = change.after;
        const state = stateOf(change.after);
        if (state === 'starting') this.#running.set(ID, { place: slotKey(change.after), node });
        else if (state !== 'running') this.#running.delete(ID);
      }
    });
  }

  /** Its agent stops all that it was cut off with. */
  stop(node: string): void {
    for (const [id, copy] of this.#running) if (copy.node === node) this.#running.delete(id);
  }

  /** Tells an agent that is back what is no task any more. */
  clear(node: string): void {
    for (const [id, copy] of this.#running)
      if (copy.node === node && !this.#simulation.store.view.tasks.get(id)) this.#running.delete(id);
  }

  get most(): number {
    const slots = Map.groupBy(this.#running.values(), ({ place }) => place);
    return Math.max(0, ...slots.values().map((copies) => copies.length));
  }
}

it('never runs twice, whatever happens to hosts and to the service', { timeout: 60_000 }, async () => {
  const node = fc.constantFrom('n1', 'n2', 'n3');
  const event = fc.oneof(
    fc.record({
      what: fc.constantFrom('cut' as const, 'end' as const, 'back' as const, 'power' as const),
      node,
    }),
    fc.record({ what: fc.constantFrom('drain' as const, 'active' as const), node }),
    fc.record({ what: fc.constant('scale' as const), to: fc.nat(3) }),
    fc.record({ what: fc.constant('deploy' as const), image: fc.constantFrom('web:1', 'web:2', 'broken:1') }),
    fc.record({ what: fc.constant('time' as const), ms: fc.constantFrom(300, 3_000, 12_000) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
      const Mode = { Replicated: { Replicas: 2 } };
      const simulation = await Simulation.open(3, { Spec: { ...service.Spec, Mode } });
      simulation.rebalances = true;
      const copies = new Copies(simulation);
      const away = new Map<string, 'cut' | 'over'>();
      for (const happening of [{ what: 'time' as const, ms: 3_000 }, ...events]) {
        const { what } = happening;
        if (what === 'time') {
          for (const end = simulation.now + happening.ms; simulation.now < end; ) {
            await simulation.tick(happening.ms > 1_000 ? 300 : 100);
            expect(copies.most).toBeLessThanOrEqual(1);
          }
        } else if (what === 'scale') await simulation.scale(happening.to);
        else if (what === 'deploy') await simulation.deploy(happening.image);
        else if (what === 'drain' || what === 'active') await simulation.availability(happening.node, what);
        else if (what === 'cut' && !away.has(happening.node)) {
          away.set(happening.node, 'cut');
          await simulation.cut(happening.node);
        } else if (what === 'power' && !away.has(happening.node)) {
          away.set(happening.node, 'cut');
          copies.stop(happening.node);
          await simulation.powerOff(happening.node);
          await simulation.cut(happening.node);
        } else if (what === 'end' && away.get(happening.node) === 'cut') {
          away.set(happening.node, 'over');
          copies.stop(happening.node);
          await simulation.endLeases(happening.node);
        } else if (what === 'back' && away.delete(happening.node)) {
          await simulation.comeBack(happening.node);
          copies.clear(happening.node);
        }
        expect(copies.most).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: 60 },
  );
});
