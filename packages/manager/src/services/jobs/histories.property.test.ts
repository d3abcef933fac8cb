import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { isoTime } from '../../effects.ts';
import {
  isReady,
  isTerminal,
  iterationOf,
  jobSizeOf,
  nextRun,
  type Service,
  slotKey,
  stateOf,
} from '../../model/index.ts';
import { aService } from '../../testing.ts';
import { type Loops, withLoops } from '../loops.fixture.ts';

const open = withLoops();
const nodes = ['n1', 'n2', 'n3'];
/** Each task takes it whole. */
const graceNs = 3e9;

const anEvent = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 9_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(...(['down', 'ready', 'drain', 'active', 'refuse', 'accept'] as const)),
      node: fc.constantFrom(...nodes),
    }),
  },
  fc.record({ kind: fc.constant('update' as const), image: fc.constantFrom('web:1', 'broken:1') }),
);
type Event = typeof anEvent extends fc.Arbitrary<infer T> ? T : never;

const available = (loops: Loops, id: string, Availability: 'active' | 'drain') =>
  loops.setNode(id, (node) => ({ ...node, Spec: { ...node.Spec, Availability } }));

/** As the API does. */
const update = (loops: Loops, Image: string): Promise<void> =>
  loops.store.update((tx) => {
    const service = tx.services.get('job') as Service;
    const { specVersion } = service.shoal;
    tx.services.update({
      ...service,
      Spec: {
        ...service.Spec,
        TaskTemplate: { ...service.Spec.TaskTemplate, ContainerSpec: { Image, StopGracePeriod: graceNs } },
      },
      JobStatus: nextRun(service, isoTime(Date.now())),
      shoal: { ...service.shoal, specVersion: specVersion + 1 },
    });
  });

async function apply(loops: Loops, event: Event): Promise<unknown> {
  switch (event.kind) {
    case 'wait':
      return vi.advanceTimersByTimeAsync(event.ms);
    case 'down':
    case 'ready':
      return loops.setState(event.node, event.kind === 'down' ? 'down' : 'heard');
    case 'drain':
    case 'active':
      return available(loops, event.node, event.kind);
    case 'refuse':
      return loops.refusing.add(event.node);
    case 'accept':
      return loops.refusing.delete(event.node);
    case 'update':
      return update(loops, event.image);
  }
}

/** Tasks that may run on nodes which are heard, by slot. */
function runningBySlot({ store }: Loops): Map<string, number> {
  const running = store.view.tasks
    .by('service', 'job')
    .filter(
      (task) =>
        ['starting', 'running'].includes(stateOf(task)) && isReady(store.view.nodes.get(task.NodeID ?? '')),
    );
  return new Map([...Map.groupBy(running, slotKey)].map(([key, tasks]) => [key, tasks.length]));
}

it('whatever happens, a job completes once in each slot, never runs twice in one, nor in more than it may', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.option(fc.record({ MaxConcurrent: fc.integer({ min: 1, max: 3 }), TotalCompletions: fc.nat(4) })),
      fc.array(anEvent, { minLength: 2, maxLength: 20 }),
      async (ReplicatedJob, events) => {
        const Mode = ReplicatedJob ? { ReplicatedJob } : { GlobalJob: {} };
        const service = aService('job', {
          Spec: {
            Name: 'job',
            Mode,
            TaskTemplate: { ContainerSpec: { Image: 'web:1', StopGracePeriod: graceNs } },
          },
          JobStatus: nextRun({}, isoTime(Date.now())),
        });
        const loops = await open(nodes.length, [service]);
        const most = ReplicatedJob ? jobSizeOf({ Mode }).maxConcurrent : nodes.length;
        // What comes back with its node is told to stop, and is still there for a moment.
        let wasDown = false;
        const tooMany: unknown[] = [];
        loops.run({
          close: loops.store.watch(() => {
            const counts = runningBySlot(loops);
            if (wasDown) return;
            if (counts.size > most || Math.max(0, ...counts.values()) > 1) tooMany.push([...counts]);
          }),
        });
        for (const event of events) {
          wasDown ||= event.kind === 'down';
          await apply(loops, event);
        }
        loops.refusing.clear();
        for (const id of nodes) {
          await loops.setState(id, 'heard');
          await available(loops, id, 'active');
        }
        await update(loops, 'web:2');
        await vi.advanceTimersByTimeAsync(5 * 60_000);
        expect(tooMany).toEqual([]);
        const { view } = loops.store;
        const iteration = iterationOf(view.services.get('job') as Service);
        const tasks = view.tasks.by('service', 'job');
        expect(tasks.filter((task) => !isTerminal(stateOf(task)))).toEqual([]);
        const done = tasks.filter(
          (task) => task.shoal.iteration === iteration && stateOf(task) === 'complete',
        );
        expect(done).toHaveLength(ReplicatedJob ? ReplicatedJob.TotalCompletions : nodes.length);
        expect(new Set(done.map(slotKey)).size).toBe(done.length);
        await loops.close();
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);
