import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { isTerminal, isWanted, type ServiceSpec, stateOf } from '../model/index.ts';
import { aService, withStatus } from '../testing.ts';
import { type Loops, withLoops } from './loops.fixture.ts';

/** A database with a local volume on three nodes, through all that stops its tasks. */

const open = withLoops();
const nodes = ['n1', 'n2', 'n3'];
const node = fc.constantFrom(...nodes);
const anEvent = fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ kind: fc.constantFrom(...(['down', 'heard', 'drain', 'active', 'pause'] as const)), node }),
  fc.record({ kind: fc.constant('fail' as const), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('deploy' as const), version: fc.nat(3) }),
  fc.record({ kind: fc.constant('scale' as const), to: fc.nat(3) }),
);
type Event = typeof anEvent extends fc.Arbitrary<infer T> ? T : never;

function changed(loops: Loops, spec: (before: ServiceSpec) => ServiceSpec, isNew: boolean): Promise<void> {
  return loops.store.update((tx) => {
    const before = tx.services.get('db');
    if (!before) return;
    const specVersion = before.shoal.specVersion + (isNew ? 1 : 0);
    tx.services.update({ ...before, Spec: spec(before.Spec), shoal: { ...before.shoal, specVersion } });
  });
}

async function apply(loops: Loops, event: Event): Promise<void> {
  const { kind } = event;
  if (kind === 'wait') await vi.advanceTimersByTimeAsync(event.ms);
  else if (kind === 'down' || kind === 'heard') await loops.setState(event.node, kind);
  else if (kind === 'drain' || kind === 'active' || kind === 'pause')
    await loops.setNode(event.node, (one) => ({ ...one, Spec: { ...one.Spec, Availability: kind } }));
  else if (kind === 'scale')
    await changed(loops, (spec) => ({ ...spec, Mode: { Replicated: { Replicas: event.to } } }), false);
  else if (kind === 'deploy') {
    const ContainerSpec = { ...template.ContainerSpec, Image: `db:${event.version}` };
    await changed(loops, (spec) => ({ ...spec, TaskTemplate: { ...template, ContainerSpec } }), true);
  } else if (kind === 'fail')
    await loops.store.update((tx) => {
      const running = [...tx.tasks.all()].filter((task) => stateOf(task) === 'running');
      const task = running[event.which % Math.max(1, running.length)];
      if (task) tx.tasks.update(withStatus(task, { State: 'failed' }));
    });
}

const template = {
  ContainerSpec: {
    Image: 'db:0',
    Mounts: [{ Type: 'volume' as const, Source: 'data', Target: '/data' }],
  },
};

it('no slot ever starts where its volume is not, and each runs once the hosts are back', async () => {
  let returns = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anEvent, { minLength: 5, maxLength: 30 }), async (events) => {
      const Spec = {
        Name: 'db',
        TaskTemplate: template,
        Mode: { Replicated: { Replicas: 2 } },
        UpdateConfig: { FailureAction: 'continue' as const },
      };
      const loops = await open(nodes.length, [aService('db', { Spec })]);
      const home = new Map<number, string>();
      const strayed: string[] = [];
      loops.store.watch(({ changes }) => {
        for (const change of changes) {
          if (change.table !== 'tasks' || !change.after) continue;
          const { ID, Slot = 0, NodeID = '' } = change.after;
          if (stateOf(change.after) === 'running' && !home.has(Slot)) home.set(Slot, NodeID);
          if (!change.before?.placement && change.after.placement && home.has(Slot)) {
            returns++;
            if (NodeID !== home.get(Slot)) strayed.push(`${ID}: ${NodeID}, not ${home.get(Slot)}`);
          }
        }
      });
      for (const event of events) await apply(loops, event);
      for (const id of nodes) {
        await loops.setState(id, 'heard');
        await loops.setNode(id, (one) => ({ ...one, Spec: { ...one.Spec, Availability: 'active' } }));
      }
      await vi.advanceTimersByTimeAsync(25 * 60_000);
      expect(strayed).toEqual([]);
      const { tasks, services } = loops.store.view;
      const wanted = [...tasks.all()].filter((task) => isWanted(task) && !isTerminal(stateOf(task)));
      expect(wanted).toHaveLength(services.get('db')?.Spec.Mode?.Replicated?.Replicas ?? 0);
      expect(wanted.filter((task) => stateOf(task) !== 'running')).toEqual([]);
      await loops.close();
    }),
    { numRuns: 60 },
  );
  expect(returns).toBeGreaterThan(50);
}, 120_000);
