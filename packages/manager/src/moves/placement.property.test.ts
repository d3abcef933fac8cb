import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { type Service, stateOf } from '../model/index.ts';
import { options, withLoops } from '../services/loops.fixture.ts';
import { aService, withStatus } from '../testing.ts';
import { preemptionLoop } from './preemption-loop.ts';
import { rebalanceLoop } from './rebalance-loop.ts';

/** All that says where tasks go, at once: each is tried alone elsewhere; here they must not keep each other going. */

const open = withLoops();
const nodes = ['n1', 'n2', 'n3'];
const names = ['a', 'b', 'c'];

const someLabels = fc.record(
  {
    'shoal.affinity': fc.constantFrom('a', 'b:node.labels.zone'),
    'shoal.anti-affinity': fc.constantFrom('c', 'b', 'a:node.labels.zone'),
    'shoal.strategy.placement': fc.constant('binpack'),
    'shoal.priority': fc.constantFrom('-1', '5', '9'),
    'shoal.volume': fc.constant('new'),
  },
  { requiredKeys: [] },
);

const someService = fc.record({
  labels: someLabels,
  replicas: fc.integer({ min: 1, max: 3 }),
  cpus: fc.constantFrom(0, 0.5, 1),
  hasVolume: fc.boolean(),
});

const anEvent = fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({
    kind: fc.constantFrom(...(['down', 'heard', 'drain', 'active'] as const)),
    node: fc.constantFrom(...nodes),
  }),
  fc.record({ kind: fc.constant('fail' as const), which: fc.nat(8) }),
);

it('services come to rest, whatever they ask of their nodes and of each other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(someService, { minLength: 2, maxLength: 3 }),
      fc.array(anEvent, { minLength: 2, maxLength: 15 }),
      async (some, events) => {
        const services = some.map(({ labels, replicas, cpus, hasVolume }, i): Service => {
          const Name = names[i] ?? '';
          // Naming itself is refused by the API.
          const Labels = Object.fromEntries(
            Object.entries(labels).filter(([, text]) => !text.startsWith(Name)),
          );
          const Mounts = hasVolume ? [{ Type: 'volume' as const, Source: 'data', Target: '/data' }] : [];
          const TaskTemplate = {
            ContainerSpec: { Image: 'web:1', Mounts },
            Resources: { Reservations: { NanoCPUs: cpus * 1e9 } },
          };
          return aService(Name, {
            Spec: { Name, Labels, TaskTemplate, Mode: { Replicated: { Replicas: replicas } } },
          });
        });
        const loops = await open(nodes.length, services);
        for (const id of nodes)
          await loops.setNode(id, (node) => ({
            ...node,
            Spec: { ...node.Spec, Labels: { zone: id === 'n3' ? 'y' : 'x' } },
          }));
        loops.run(rebalanceLoop(loops.store, options));
        loops.run(preemptionLoop(loops.store, options));
        for (const event of events) {
          if (event.kind === 'wait') await vi.advanceTimersByTimeAsync(event.ms);
          else if (event.kind === 'down' || event.kind === 'heard')
            await loops.setState(event.node, event.kind);
          else if (event.kind === 'fail')
            await loops.store.update((tx) => {
              const running = [...tx.tasks.all()].filter((task) => stateOf(task) === 'running');
              const task = running[event.which % Math.max(1, running.length)];
              if (task) tx.tasks.update(withStatus(task, { State: 'failed' }));
            });
          else {
            const Availability = event.kind;
            await loops.setNode(event.node, (node) => ({ ...node, Spec: { ...node.Spec, Availability } }));
          }
        }
        for (const id of nodes) {
          await loops.setState(id, 'heard');
          await loops.setNode(id, (node) => ({ ...node, Spec: { ...node.Spec, Availability: 'active' } }));
        }
        await vi.advanceTimersByTimeAsync(20 * 60_000);
        const made: string[] = [];
        const unwatch = loops.store.watch(({ changes }) => {
          for (const { table, before, id } of changes) if (table === 'tasks' && !before) made.push(id);
        });
        await vi.advanceTimersByTimeAsync(5 * 60_000);
        unwatch();
        expect(made).toEqual([]);
        await loops.close();
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);
