import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { isoTime } from '../effects.ts';
import {
  isTerminal,
  isWanted,
  type Node,
  type Service,
  type ServiceSpec,
  stateOf,
  type Task,
} from '../model/index.ts';
import { rebalanceLoop } from '../moves/rebalance-loop.ts';
import { aService, withStatus } from '../testing.ts';
import { type Loops, options, withLoops } from './loops.fixture.ts';
import { adopt } from './update/adopt.ts';

/**
 * Two services on three nodes of two CPUs, through everything that decides on their tasks: updates, new limits, refusals,
 * drains, failures of nodes, exchanges. Each rule is tried alone elsewhere; here they must not keep each other going.
 */

const open = withLoops();
const minute = 60_000;
const nodes = ['n1', 'n2', 'n3'];
const services = ['a', 'b'];

const service = fc.constantFrom(...services);
const anEvent = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(...(['down', 'ready', 'drain', 'active', 'refuse', 'accept'] as const)),
      node: fc.constantFrom(...nodes),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deploy' as const), service, version: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('limit' as const),
      service,
      MiB: fc.constantFrom(8, 16),
      CPUs: fc.constantFrom(0.5, 1, 1.5),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('limits refused' as const), which: fc.nat(9) }) },
  fc.record({ kind: fc.constant('scale' as const), service, to: fc.integer({ min: 1, max: 4 }) }),
);
type Event = typeof anEvent extends fc.Arbitrary<infer T> ? T : never;

const anUpdateConfig = fc.record({
  Order: fc.constantFrom(null, 'stop-first' as const, 'start-first' as const),
  FailureAction: fc.constantFrom('pause' as const, 'rollback' as const, 'continue' as const),
  Parallelism: fc.nat(2),
});

/** As the API does. */
function changed(loops: Loops, id: string, spec: (before: ServiceSpec) => ServiceSpec): Promise<void> {
  return loops.store.update((tx) => {
    const { UpdateStatus: _, ...before } = tx.services.get(id) as Service;
    const { rollback: _reason, ...internals } = before.shoal;
    const Spec = spec(before.Spec);
    const isSame = JSON.stringify(Spec.TaskTemplate) === JSON.stringify(before.Spec.TaskTemplate);
    const tasks = tx.tasks.by('service', id);
    const newest = Math.max(internals.specVersion, ...tasks.map(({ shoal }) => shoal.specVersion));
    const specVersion = isSame
      ? internals.specVersion
      : Math.max(newest, internals.previousSpecVersion ?? 0) + 1;
    const shoal = { ...internals, specVersion, previousSpecVersion: internals.specVersion };
    const next = { ...before, Spec, PreviousSpec: before.Spec, shoal };
    const { outdated } = adopt(next, tasks, tx.nodes, (nodeId) => tx.tasks.by('node', nodeId));
    const UpdateStatus = { State: 'updating' as const, StartedAt: isoTime(Date.now()) };
    tx.services.update({ ...next, ...(outdated.length > 0 && { UpdateStatus }) });
  });
}

const template = (loops: Loops, id: string, change: ServiceSpec['TaskTemplate']): Promise<void> =>
  changed(loops, id, (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, ...change } }));

const available = (loops: Loops, id: string, Availability: 'active' | 'drain') =>
  loops.setNode(id, (node: Node) => ({ ...node, Spec: { ...node.Spec, Availability } }));

async function apply(loops: Loops, event: Event): Promise<void> {
  switch (event.kind) {
    case 'wait':
      await vi.advanceTimersByTimeAsync(event.ms);
      return;
    case 'down':
    case 'ready':
      return loops.setState(event.node, event.kind === 'down' ? 'down' : 'heard');
    case 'drain':
    case 'active':
      return available(loops, event.node, event.kind);
    case 'refuse':
      loops.refusing.add(event.node);
      return;
    case 'accept':
      loops.refusing.delete(event.node);
      return;
    case 'deploy':
      return template(loops, event.service, { ContainerSpec: { Image: `web:${event.version}` } });
    case 'limit': {
      const Limits = { MemoryBytes: event.MiB * 2 ** 20 };
      return template(loops, event.service, {
        Resources: { Limits, Reservations: { NanoCPUs: event.CPUs * 1e9 } },
      });
    }
    case 'scale':
      return changed(loops, event.service, (spec) => ({
        ...spec,
        Mode: { Replicated: { Replicas: event.to } },
      }));
    case 'limits refused':
      return loops.store.update((tx) => {
        const limited = [...tx.tasks.all()].filter(
          (task) => stateOf(task) === 'running' && task.shoal.resourcesBefore !== undefined,
        );
        const task = limited[event.which % Math.max(1, limited.length)];
        if (task) tx.tasks.update(withStatus(task, { limitsRefused: 'it uses more' }));
      });
  }
}

const cpus = ({ Spec }: Pick<Task, 'Spec'>): number => Spec.Resources?.Reservations?.NanoCPUs ?? 0;
const mostFree = ({ store }: Loops): number =>
  Math.max(
    ...nodes.map((id) => {
      const held = store.view.tasks.by('node', id).filter((task) => !isTerminal(stateOf(task)));
      return 2e9 - held.reduce((sum, task) => sum + cpus(task), 0);
    }),
  );

it('two services come to rest, whatever has happened to them: one task a slot, which runs if there is room', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anUpdateConfig, { minLength: 2, maxLength: 2 }),
      fc.array(anEvent, { minLength: 4, maxLength: 25 }),
      async (configs, events) => {
        const all = services.map((Name, i) => {
          const TaskTemplate = {
            ContainerSpec: { Image: 'web:0' },
            Resources: { Reservations: { NanoCPUs: 1e9 } },
          };
          const Mode = { Replicated: { Replicas: 2 } };
          return aService(Name, { Spec: { Name, Mode, UpdateConfig: configs[i] ?? null, TaskTemplate } });
        });
        const loops = await open(nodes.length, all);
        loops.run(rebalanceLoop(loops.store, options));
        for (const event of events) await apply(loops, event);
        loops.refusing.clear();
        for (const id of nodes) {
          await loops.setState(id, 'heard');
          await available(loops, id, 'active');
        }
        await vi.advanceTimersByTimeAsync(25 * minute);
        const made: string[] = [];
        const unwatch = loops.store.watch(({ changes }) => {
          for (const { table, before, id } of changes) if (table === 'tasks' && !before) made.push(id);
        });
        await vi.advanceTimersByTimeAsync(5 * minute);
        unwatch();
        const { view } = loops.store;
        expect(made).toEqual([]);
        for (const { ID, Spec, UpdateStatus } of view.services.all()) {
          expect(['updating', 'rollback_started']).not.toContain(UpdateStatus?.State);
          const tasks = view.tasks.by('service', ID).filter(isWanted);
          expect(new Set(tasks.map(({ Slot }) => Slot)).size).toBe(Spec.Mode?.Replicated?.Replicas);
          expect(tasks).toHaveLength(Spec.Mode?.Replicated?.Replicas ?? 0);
          for (const task of tasks)
            if (stateOf(task) !== 'running') expect(cpus(task)).toBeGreaterThan(mostFree(loops));
        }
        await loops.close();
      },
    ),
    { numRuns: 100 },
  );
}, 120_000);
