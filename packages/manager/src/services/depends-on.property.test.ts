import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { isoTime } from '../effects.ts';
import { isWanted, nextRun, type Service, stateOf, type Task } from '../model/index.ts';
import { aService } from '../testing.ts';
import { type Loops, withLoops } from './loops.fixture.ts';

const open = withLoops();
const nodes = ['n1', 'n2'];
/** In this order: each depends on some of those before it. `migrate` is a job. */
const names = ['db', 'migrate', 'cache', 'web'] as const;

const someOf = (before: readonly string[]) =>
  fc
    .subarray([...before])
    .chain((chosen) =>
      fc.tuple(
        ...chosen.map((name) =>
          (name === 'migrate' ? fc.constant('completed') : fc.constantFrom('started', 'healthy')).map(
            (condition) => `${name}:${condition}`,
          ),
        ),
      ),
    );
const anOrder = fc.tuple(...names.map((_, i) => someOf(names.slice(0, i))));

const anEvent = fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 6_000 }) }),
  fc.record({ kind: fc.constant('create' as const), name: fc.constantFrom(...names) }),
  fc.record({ kind: fc.constant('remove' as const), name: fc.constantFrom(...names) }),
  fc.record({
    kind: fc.constantFrom(...(['down', 'ready', 'refuse', 'accept'] as const)),
    node: fc.constantFrom(...nodes),
  }),
);
type Event = typeof anEvent extends fc.Arbitrary<infer T> ? T : never;

function named(Name: string, dependsOn: readonly string[]): Service {
  const Labels = dependsOn.length > 0 ? { 'shoal.depends-on': dependsOn.join(',') } : {};
  const TaskTemplate = { ContainerSpec: { Image: 'web:1' } };
  return Name === 'migrate'
    ? aService(Name, {
        Spec: { Name, Labels, TaskTemplate, Mode: { ReplicatedJob: {} } },
        JobStatus: nextRun({}, isoTime(Date.now())),
      })
    : aService(Name, { Spec: { Name, Labels, TaskTemplate } });
}

const tasksOf = ({ store }: Loops, name: string): Task[] => store.view.tasks.by('service', name);

async function apply(loops: Loops, event: Event, make: (name: string) => Service): Promise<unknown> {
  switch (event.kind) {
    case 'wait':
      return vi.advanceTimersByTimeAsync(event.ms);
    case 'create':
      return loops.store.update((tx) => {
        if (!tx.services.get(event.name)) tx.services.create(make(event.name));
      });
    case 'remove':
      return loops.store.update((tx) => {
        const service = tx.services.get(event.name);
        if (service) tx.services.update({ ...service, shoal: { ...service.shoal, removing: true } });
      });
    case 'down':
    case 'ready':
      return loops.setState(event.node, event.kind === 'down' ? 'down' : 'heard');
    case 'refuse':
      return loops.refusing.add(event.node);
    case 'accept':
      return loops.refusing.delete(event.node);
  }
}

it('whatever comes and goes, nothing is placed before what it depends on, and all of it starts in the end', async () => {
  await fc.assert(
    fc.asyncProperty(anOrder, fc.array(anEvent, { maxLength: 20 }), async (order, events) => {
      const make = (name: string) => named(name, order[(names as readonly string[]).indexOf(name)] ?? []);
      const loops = await open(nodes.length, []);
      const { store } = loops;
      const early: unknown[] = [];
      loops.run({
        close: store.watch(({ changes }) => {
          for (const { table, before, after } of changes) {
            if (table !== 'tasks' || !after?.placement || before?.placement) continue;
            // What it depends on may have gone since the round that let it go on.
            if (after.shoal.awaits !== undefined) early.push([after.ID, after.shoal.awaits]);
          }
        }),
      });
      for (const event of events) await apply(loops, event, make);
      loops.refusing.clear();
      for (const id of nodes) await loops.setState(id, 'heard');
      await vi.advanceTimersByTimeAsync(10_000);
      for (const name of names) await apply(loops, { kind: 'create', name }, make);
      await vi.advanceTimersByTimeAsync(6 * 60_000);
      expect(early).toEqual([]);
      for (const name of names) {
        const states = tasksOf(loops, name).map(stateOf);
        expect([name, states]).toEqual([
          name,
          expect.arrayContaining([name === 'migrate' ? 'complete' : 'running']),
        ]);
        if (name !== 'migrate') expect(tasksOf(loops, name).filter(isWanted)).toHaveLength(1);
      }
      await loops.close();
    }),
    { numRuns: 50 },
  );
}, 120_000);
