import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTerminal, type ServiceSpec, stateOf, type Task, type UpdateConfig } from '../model/index.ts';
import { Simulation } from '../services/simulation.fixture.ts';

const second = 1_000;

/** A service that finds room wherever it wants; or, where it stops first, for not one task more than there are. */
const aCase = fc.record({
  zones: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 }),
  perNode: fc.integer({ min: 1, max: 4 }),
  missing: fc.nat(3),
  order: fc.constantFrom(null, 'start-first' as const, 'stop-first' as const),
  parallelism: fc.integer({ min: 0, max: 4 }),
  byZone: fc.boolean(),
  limited: fc.boolean(),
  port: fc.boolean(),
});
type Case = typeof aCase extends fc.Arbitrary<infer T> ? T : never;

/** Most tasks that a node can have. */
const most = ({ port, perNode }: Case): number => (port ? 1 : perNode);
const stopsFirst = ({ port, order }: Case): boolean => (order ?? (port ? 'stop-first' : '')) === 'stop-first';

function specOf(one: Case): Partial<ServiceSpec> {
  const { zones, missing, order, parallelism, byZone, limited, port } = one;
  const Replicas = Math.max(1, zones.length * most(one) - missing);
  const room = stopsFirst(one) ? most(one) : 2 * Replicas;
  const UpdateConfig: UpdateConfig = { Order: order, Parallelism: parallelism };
  return {
    Mode: { Replicated: { Replicas } },
    UpdateConfig,
    ...(port && { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 80, PublishMode: 'host' }] } }),
    TaskTemplate: {
      ContainerSpec: { Image: 'web:1' },
      Resources: { Reservations: { NanoCPUs: Math.floor(2e9 / room) } },
      Placement: {
        ...(byZone && { Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }] }),
        ...(limited && { MaxReplicas: most(one) }),
      },
    },
  };
}

async function deployed(one: Case): Promise<Simulation> {
  const simulation = await Simulation.open(one.zones.length);
  simulation.schedules = true;
  simulation.rebalances = true;
  for (const [index, zone] of one.zones.entries())
    await simulation.setNode(`n${index + 1}`, (node) => ({
      ...node,
      Spec: { ...node.Spec, Labels: { zone } },
    }));
  await simulation.change(specOf(one));
  await simulation.run(20 * second, 500);
  return simulation;
}

/** Running tasks by node, and by zone: their squares, which are least when they are even. */
function unevenness({ store, tasks }: Simulation, { byZone }: Case): number[] {
  const squares = (of: (nodeId: string) => string) =>
    [...Map.groupBy(tasks.filter(isServing), ({ NodeID = '' }) => of(NodeID)).values()]
      .map(({ length }) => length ** 2)
      .reduce((sum, square) => sum + square, 0);
  const zoneOf = (id: string) => store.view.nodes.get(id)?.Spec.Labels?.zone ?? '';
  return [...(byZone ? [squares(zoneOf)] : []), squares((id) => id)];
}
const perNode = (tasks: readonly Task[]): number[] =>
  [...Map.groupBy(tasks, ({ NodeID }) => NodeID).values()].map(({ length }) => length);

/** Of each slot the newest task that has a node and is meant to stay. */
function newestOfSlots({ tasks }: Simulation): Task[] {
  const placed = tasks
    .filter((task) => task.NodeID && task.DesiredState !== 'shutdown' && !isTerminal(stateOf(task)))
    .sort((a, b) => (a.ID < b.ID ? -1 : 1));
  return [...new Map(placed.map((task) => [task.Slot, task])).values()];
}

const isServing = (task: Task): boolean => stateOf(task) === 'running' && task.DesiredState === 'running';

describe('an update', () => {
  it('ends as even as it began, whatever its order and parallelism, and replaces each task once', async () => {
    await fc.assert(
      fc.asyncProperty(
        aCase.filter(({ port, order }) => !(port && order === 'start-first')),
        async (one) => {
          const simulation = await deployed(one);
          const replicas = simulation.service.Spec.Mode?.Replicated?.Replicas ?? 0;
          expect(simulation.running('web:1')).toHaveLength(replicas);
          const before = unevenness(simulation, one);
          const template = simulation.service.Spec.TaskTemplate;
          await simulation.change({ TaskTemplate: { ...template, ContainerSpec: { Image: 'web:2' } } });
          const made = new Set<string>();
          const from = simulation.now;
          while (simulation.now < from + 60 * second) {
            await simulation.tick(250);
            for (const { ID, Spec } of simulation.tasks)
              if (Spec.ContainerSpec?.Image === 'web:2') made.add(ID);
          }
          expect(simulation.service.UpdateStatus?.State).toBe('completed');
          expect(simulation.running('web:2')).toHaveLength(replicas);
          expect(unevenness(simulation, one)).toEqual(before);
          expect(made.size).toBe(replicas);
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);

  it('of more replicas than there are places keeps to the limit per node, and those that wait go on waiting', async () => {
    await fc.assert(
      fc.asyncProperty(
        aCase.filter(({ port }) => !port),
        fc.integer({ min: 1, max: 3 }),
        async (base, more) => {
          const one = { ...base, limited: true, missing: -more };
          const simulation = await deployed(one);
          const places = one.zones.length * one.perNode;
          expect(simulation.running('web:1')).toHaveLength(places);
          const template = simulation.service.Spec.TaskTemplate;
          await simulation.change({ TaskTemplate: { ...template, ContainerSpec: { Image: 'web:2' } } });
          for (const end = simulation.now + 60 * second; simulation.now < end; ) {
            await simulation.tick(250);
            expect(Math.max(...perNode(newestOfSlots(simulation)))).toBeLessThanOrEqual(one.perNode);
          }
          expect(perNode(simulation.tasks.filter(isServing))).toEqual(one.zones.map(() => one.perNode));
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});
