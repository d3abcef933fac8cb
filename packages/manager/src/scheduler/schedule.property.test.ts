import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Node, nodeState, pendingText, type Task } from '../model/index.ts';
import { aNode } from '../testing.ts';
import { handovers, now, viewOf, type World, worlds } from './arbitraries.fixture.ts';
import { ClusterState } from './cluster-state.ts';
import { isEligible } from './constraints.ts';
import { explainTask } from './explain.ts';
import { assignedTask } from './outcome.ts';
import { schedule } from './schedule.ts';
import { hostPorts, occupies } from './task-load.ts';
import { aTask } from './testing.ts';

const run = ({ nodes, placed, pending }: World, seed = 0) =>
  schedule(ClusterState.from(viewOf(nodes, [...placed, ...pending])), pending, { now, seed });

/** All tasks as they are once the schedule is carried out, by node; and which of them are new. */
function outcome(world: World) {
  const { placed } = run(world);
  const byId = new Map(world.pending.map((task) => [task.ID, task]));
  const fresh = placed.map((placement) => {
    const task = byId.get(placement.taskId);
    if (!task) throw new Error(`placed ${placement.taskId}, which nobody asked for`);
    return assignedTask(task, placement, now);
  });
  const on = ({ ID }: Node) =>
    [...world.placed.filter(occupies), ...fresh].filter(({ NodeID }) => NodeID === ID);
  return { fresh, on };
}

const sum = (tasks: readonly Task[], of: (task: Task) => number) =>
  tasks.reduce((all, task) => all + of(task), 0);
const reserved = (task: Task) => task.Spec.Resources?.Reservations;
const gpuNames = (task: Task) =>
  (task.placement?.genericResources ?? []).flatMap(({ NamedResourceSpec: unit }) => unit?.Value ?? []);
const gpuCount = (task: Task) =>
  sum([task], () =>
    (task.placement?.genericResources ?? []).reduce(
      (all, { DiscreteResourceSpec: unit }) => all + (unit?.Value ?? 0),
      0,
    ),
  );

describe('schedule', () => {
  it('judges each task once: placed or pending', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { placed, pending } = run(world);
        const ids = [...placed, ...pending].map(({ taskId }) => taskId).sort();
        expect(ids).toEqual(world.pending.map(({ ID }) => ID).sort());
        for (const { reasons } of pending) {
          expect(pendingText(reasons)).toMatch(/^no suitable node \(.+\)$/);
          expect(reasons.length).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('never reserves more than there is', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { fresh, on } = outcome(world);
        for (const node of world.nodes) {
          const tasks = on(node);
          const all = node.reported.description.Resources;
          for (const task of fresh.filter(({ NodeID }) => NodeID === node.ID)) {
            expect(nodeState(node)).toBe('ready');
            expect(node.Spec.Availability).toBe('active');
            expect(isEligible(node, task.Spec.Placement)).toBe(true);
            if (reserved(task)?.NanoCPUs) {
              expect(sum(tasks, (one) => reserved(one)?.NanoCPUs ?? 0)).toBeLessThanOrEqual(
                all?.NanoCPUs ?? 0,
              );
            }
            if (reserved(task)?.MemoryBytes) {
              const taken = sum(tasks, (one) => reserved(one)?.MemoryBytes ?? 0);
              expect(taken).toBeLessThanOrEqual(all?.MemoryBytes ?? 0);
            }
            const wanted = reserved(task)?.GenericResources?.[0]?.DiscreteResourceSpec?.Value ?? 0;
            expect(gpuCount(task) + gpuNames(task).length).toBe(wanted);
            for (const port of hostPorts(task.shoal.ports)) {
              expect(tasks.filter((one) => hostPorts(one.shoal.ports).includes(port))).toHaveLength(1);
            }
            const limit = task.Spec.Placement?.MaxReplicas || Number.POSITIVE_INFINITY;
            // Two versions may differ in the limit; what the later one adds is none of the first one's fault.
            const same = tasks.filter(
              (one) =>
                one.ServiceID === task.ServiceID &&
                one.shoal.specVersion === task.shoal.specVersion &&
                one.DesiredState !== 'shutdown',
            );
            const before = same.filter((one) => !fresh.includes(one)).length;
            expect(same.length).toBeLessThanOrEqual(Math.max(limit, before));
          }
          const units = (all?.GenericResources ?? []).flatMap(
            ({ NamedResourceSpec: unit }) => unit?.Value ?? [],
          );
          const names = tasks.flatMap(gpuNames);
          expect(new Set(names).size).toBe(names.length);
          expect(units).toEqual(expect.arrayContaining(names));
          const countable = sum(tasks, gpuCount);
          const capacity = (all?.GenericResources ?? []).reduce(
            (total, { DiscreteResourceSpec: unit }) => total + (unit?.Value ?? 0),
            0,
          );
          expect(countable).toBeLessThanOrEqual(capacity);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does not depend on the order of its input, and repeats itself', () => {
    const shuffled = worlds.chain((world) =>
      fc.record({
        world: fc.constant(world),
        nodes: fc.shuffledSubarray(world.nodes, { minLength: world.nodes.length }),
        placed: fc.shuffledSubarray(world.placed, { minLength: world.placed.length }),
        pending: fc.shuffledSubarray(world.pending, { minLength: world.pending.length }),
        seed: fc.nat(),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ world, seed, ...other }) => {
        expect(run(other, seed)).toEqual(run(world, seed));
      }),
    );
  });

  it('places every task on the node that explain calls the best at that moment', () => {
    fc.assert(
      fc.property(fc.oneof(worlds, handovers), (world) => {
        const { placed, pending } = run(world);
        const byId = new Map(world.pending.map((task) => [task.ID, task]));
        const tasks = new Map([...world.placed, ...world.pending].map((task) => [task.ID, task]));
        for (const placement of placed) {
          const task = byId.get(placement.taskId);
          if (!task) continue;
          const best = explainTask(viewOf(world.nodes, tasks.values()), task, now).nodes[0];
          expect({ nodeId: placement.nodeId, scores: placement.scores, fits: true }).toEqual({
            nodeId: best?.nodeId,
            scores: best?.scores,
            fits: best?.fits,
          });
          tasks.set(task.ID, assignedTask(task, placement, now));
        }
        for (const { taskId } of pending) {
          const task = byId.get(taskId);
          if (task) expect(explainTask(viewOf(world.nodes, tasks.values()), task, now).text).not.toBe('');
        }
      }),
      { numRuns: 300 },
    );
  });

  it('places a task exactly when explain finds a node that fits, and there on the best', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const task = world.pending[0];
        if (!task) return;
        const one = { ...world, pending: [task] };
        const { placed, pending } = run(one);
        const explained = explainTask(viewOf(one.nodes, [...one.placed, task]), task, now);
        expect(explained.nodes).toHaveLength(world.nodes.length);
        const best = explained.nodes[0];
        if (best?.fits) {
          expect(placed[0]).toMatchObject({ nodeId: best.nodeId, scores: best.scores });
          expect(explained.text).toBe('');
        } else {
          expect(pending[0]?.reasons).toEqual(explained.reasons);
          expect(explained.text).toBe(pendingText(explained.reasons));
        }
        for (const { fits, filters } of explained.nodes) {
          expect(filters.every(({ passed }) => passed)).toBe(fits);
          for (const { passed, reason } of filters) expect(Boolean(reason)).toBe(!passed);
        }
      }),
      { numRuns: 300 },
    );
  });
});

const zone = (name: string, rack: string): Partial<Node> => ({
  Spec: { Role: 'worker', Availability: 'active', Labels: { zone: name, rack } },
});
const spreadOver = (...keys: string[]) => ({
  Preferences: keys.map((key) => ({ Spread: { SpreadDescriptor: `node.labels.${key}` } })),
});

/** A cluster with room for everything, some tasks of the service here and there, and `count` more to place. */
const roomy = fc.record({
  nodes: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y')), {
    minLength: 1,
    maxLength: 9,
  }),
  present: fc.array(fc.nat(8), { maxLength: 15 }),
  count: fc.nat(40),
});

function fill(
  { nodes: places, present, count }: typeof roomy extends fc.Arbitrary<infer T> ? T : never,
  keys: readonly string[],
) {
  const nodes = places.map(([name, rack], index) => aNode(`n${index}`, zone(name, rack)));
  const Spec = { Placement: spreadOver(...keys) };
  const placed = present
    .filter((at) => at < nodes.length)
    .map((at, index) =>
      aTask(`p${index}`, {
        NodeID: `n${at}`,
        Spec,
        Status: { State: 'running', Timestamp: '' },
      }),
    );
  const pending = Array.from({ length: count }, (_, index) => aTask(`t${index}`, { Spec }));
  const { fresh, on } = outcome({ nodes, placed, pending });
  expect(fresh).toHaveLength(count);
  return { nodes, fresh, on };
}

describe('evenness', () => {
  /** A group that got a task has at most one more than any of its siblings. */
  const expectEven = (groups: readonly { tasks: number; grew: boolean }[]) => {
    const least = Math.min(...groups.map(({ tasks }) => tasks));
    for (const { tasks, grew } of groups) if (grew) expect(tasks).toBeLessThanOrEqual(least + 1);
  };
  const sizes = (
    groups: Iterable<readonly Node[]>,
    on: (node: Node) => readonly Task[],
    fresh: readonly Task[],
  ) =>
    [...groups].map((group) => {
      const tasks = group.flatMap((node) => on(node));
      return { tasks: tasks.length, grew: tasks.some((task) => fresh.includes(task)) };
    });

  it('holds within one over nodes', () => {
    fc.assert(
      fc.property(roomy, (input) => {
        const { nodes, fresh, on } = fill(input, []);
        expectEven(
          sizes(
            nodes.map((node) => [node]),
            on,
            fresh,
          ),
        );
      }),
    );
  });

  it('holds within one over branches at each level', () => {
    fc.assert(
      fc.property(roomy, (input) => {
        const { nodes, fresh, on } = fill(input, ['zone', 'rack']);
        const zones = Map.groupBy(nodes, ({ Spec }) => Spec.Labels?.zone);
        expectEven(sizes(zones.values(), on, fresh));
        for (const inZone of zones.values()) {
          const racks = Map.groupBy(inZone, ({ Spec }) => Spec.Labels?.rack);
          expectEven(sizes(racks.values(), on, fresh));
          for (const inRack of racks.values()) {
            expectEven(
              sizes(
                inRack.map((node) => [node]),
                on,
                fresh,
              ),
            );
          }
        }
      }),
    );
  });
});
