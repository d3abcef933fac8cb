import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node, Task } from '../model/index.ts';
import { aNode, type TaskChange } from '../testing.ts';
import { Balancer } from './better-place.ts';
import { ClusterState } from './cluster-state.ts';
import { aTask } from './testing.ts';

const running = (id: string, NodeID: string, change: TaskChange = {}): Task =>
  aTask(id, {
    NodeID,
    Status: { Timestamp: '2026-01-01T00:00:00.000Z', State: 'running' },
    ...change,
  });

function stateOf(nodes: readonly Node[], tasks: readonly Task[]): ClusterState {
  const state = new ClusterState();
  const changes = [
    ...nodes.map((after) => ({ table: 'nodes' as const, id: after.ID, before: undefined, after })),
    ...tasks.map((after) => ({ table: 'tasks' as const, id: after.ID, before: undefined, after })),
  ];
  state.apply({ changes } as unknown as Parameters<ClusterState['apply']>[0]);
  return state;
}

const zoned = (id: string, zone: string, change: Partial<Node> = {}) =>
  aNode(id, { Spec: { Availability: 'active', Labels: { zone } }, ...change });

/** Tasks by node, as `{ n1: 3 }` says. */
const tasksOn = (counts: Readonly<Record<string, number>>, change: TaskChange = {}): Task[] =>
  Object.entries(counts).flatMap(([node, count]) =>
    Array.from({ length: count }, (_, n) => running(`${node}-${n}`, node, change)),
  );

function find(nodes: readonly Node[], tasks: readonly Task[], mayTake = (_: string) => true) {
  const [task] = tasks;
  if (!task) throw new Error('no task');
  return new Balancer(stateOf(nodes, tasks), { now: 0, seed: 0 }).find(task, mayTake);
}

const three = [aNode('n1'), aNode('n2'), aNode('n3')];

describe('a better place', () => {
  it('is a node with at least two tasks less', () => {
    expect(find(three, tasksOn({ n1: 3, n2: 2, n3: 1 }))).toEqual({ from: 'n1', to: 'n3' });
    expect(find(three, tasksOn({ n1: 2, n2: 2, n3: 1 }))).toBeUndefined();
    expect(find(three, tasksOn({ n1: 1 }))).toBeUndefined();
  });

  it('is one that the filters of placement accept, now or later', () => {
    const drained = aNode('n3', { Spec: { Availability: 'drain' } });
    expect(find([aNode('n1'), aNode('n2'), drained], tasksOn({ n1: 3, n2: 3 }))).toBeUndefined();
    expect(find(three, tasksOn({ n1: 3, n2: 3 }), (id) => id !== 'n3')).toBe('later');
    const bound = { Spec: { Placement: { Constraints: ['node.hostname != n3'] } } };
    expect(find(three, tasksOn({ n1: 3, n2: 3 }, bound))).toBeUndefined();
    const heavy = { Spec: { Resources: { Reservations: { MemoryBytes: 3 * 2 ** 30 } } } };
    const full = running('other', 'n3', { ServiceID: 'other', ...heavy });
    expect(find(three, [...tasksOn({ n1: 3, n2: 3 }, heavy), full])).toBe('later');
    const resting = aNode('n3', { allotted: { number: 3 }, flapping: { falls: 4, backAt: 0 } });
    expect(find([aNode('n1'), aNode('n2'), resting], tasksOn({ n1: 3, n2: 3 }))).toBe('later');
  });

  it('is not where the service keeps failing', () => {
    const failed = Array.from({ length: 5 }, (_, n) =>
      running(`f${n}`, 'n3', {
        Status: { Timestamp: '', State: 'failed' },
        UpdatedAt: '2026-01-01T00:00:00.000Z',
      }),
    );
    expect(find(three, [...tasksOn({ n1: 3, n2: 3 }), ...failed])).toBe('later');
  });

  it('is in another branch first, and even within one: spread preferences come before nodes', () => {
    const nodes = [zoned('a1', 'a'), zoned('a2', 'a'), zoned('b1', 'b')];
    const spread = {
      Spec: { Placement: { Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }] } },
    };
    expect(find(nodes, tasksOn({ a1: 2, a2: 2, b1: 2 }, spread))).toEqual({ from: 'a1', to: 'b1' });
    expect(find(nodes, tasksOn({ a1: 2, a2: 1, b1: 3 }, spread))).toBeUndefined();
    expect(find(nodes, tasksOn({ a1: 3, a2: 1, b1: 4 }, spread))).toEqual({ from: 'a1', to: 'a2' });
  });

  it('leaves no room for the next service that it has given away', () => {
    const nodes = [
      aNode('n1', { reported: { description: { Resources: { NanoCPUs: 1e9, MemoryBytes: 8 * 2 ** 30 } } } }),
      aNode('n2', { reported: { description: { Resources: { NanoCPUs: 1e9, MemoryBytes: 2 ** 30 } } } }),
    ];
    const change = (ServiceID: string) => ({
      ServiceID,
      Spec: { Resources: { Reservations: { MemoryBytes: 2 ** 30 } } },
    });
    const [a, b] = [0, 1].map((n) =>
      tasksOn({ n1: 2 }, change(`s${n}`)).map((t) => ({ ...t, ID: `${n}${t.ID}` })),
    );
    const balancer = new Balancer(stateOf(nodes, [...(a ?? []), ...(b ?? [])]), { now: 0, seed: 0 });
    const moves = [a, b].map((tasks) => tasks?.[0] && balancer.find(tasks[0], () => true));
    expect(moves).toEqual([{ from: 'n1', to: 'n2' }, 'later']);
  });

  it('is found until there is none, after a bounded number of moves, however the tasks lie', () => {
    const aZone = fc.constantFrom('a', 'b', '');
    const aCluster = fc.array(fc.record({ zone: aZone, count: fc.nat(7), drained: fc.boolean() }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(aCluster, fc.boolean(), (parts, byZone) => {
        const nodes = parts.map(({ zone, drained }, n) =>
          zoned(`n${n}`, zone, {
            Spec: { Availability: drained ? 'drain' : 'active', Labels: zone ? { zone } : {} },
          }),
        );
        const Preferences = byZone ? [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }] : [];
        let tasks = parts.flatMap(({ count }, n) =>
          tasksOn({ [`n${n}`]: count }, { Spec: { Placement: { Preferences } } }),
        );
        if (tasks.length === 0) return;
        let moves = 0;
        for (let move = find(nodes, tasks); move !== undefined; move = find(nodes, tasks)) {
          if (move === 'later') throw new Error('every node may take the task now');
          const { from, to } = move;
          const moved = tasks.find(({ NodeID }) => NodeID === from);
          if (moved) tasks = [...tasks.filter((task) => task !== moved), { ...moved, NodeID: to }];
          expect(++moves).toBeLessThanOrEqual(parts.reduce((sum, { count }) => sum + count, 0));
        }
        const onUsable = nodes
          .filter(({ Spec }) => Spec.Availability === 'active')
          .map(({ ID, Spec }) => ({
            zone: Spec.Labels?.zone ?? '',
            count: tasks.filter(({ NodeID }) => NodeID === ID).length,
          }));
        for (const [, group] of Map.groupBy(onUsable, ({ zone }) => (byZone ? zone : ''))) {
          const counts = group.map(({ count }) => count);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe('an exchange', () => {
  const sized = (ServiceID: string, cpus: number) => ({
    ServiceID,
    Spec: { Resources: { Reservations: { NanoCPUs: cpus * 1e9 } } },
  });
  const on = (ServiceID: string, cpus: number, counts: Readonly<Record<string, number>>) =>
    tasksOn(counts, sized(ServiceID, cpus)).map((task, index) => ({ ...task, ID: `${ServiceID}${index}` }));
  const cpus = (id: string, count: number) =>
    aNode(id, { reported: { description: { Resources: { NanoCPUs: count * 1e9, MemoryBytes: 1 } } } });
  const partnerOf = (nodes: readonly Node[], tasks: readonly Task[], task: Task | undefined) => {
    if (!task) throw new Error('no task');
    const tasksOn = (nodeId: string) => tasks.filter(({ NodeID }) => NodeID === nodeId);
    const balancer = new Balancer(stateOf(nodes, tasks), { now: 0, seed: 0 });
    return balancer.exchange(
      task,
      () => true,
      tasksOn,
      () => true,
    );
  };

  it('is one that evens out both services', () => {
    const nodes = [cpus('n1', 2), cpus('n2', 2)];
    const a = on('a', 1, { n1: 2 });
    const partner = (b: readonly Task[], all = nodes) => partnerOf(all, [...a, ...b], a[0])?.ServiceID;
    expect(partner(on('b', 1, { n2: 2 }))).toBe('b');
    // It would be a move for nothing to b.
    expect(partner([...on('b', 1, { n2: 1 }), ...on('c', 1, { n2: 1 })])).toBeUndefined();
    // There is not as much room.
    expect(partner(on('b', 2, { n2: 2 }), [cpus('n1', 2), cpus('n2', 4)])).toBeUndefined();
    const spread = { Preferences: [{ Spread: { SpreadDescriptor: 'node.hostname' } }] };
    const b = on('b', 1, { n2: 2 }).map((task) => ({ ...task, Spec: { ...task.Spec, Placement: spread } }));
    const named = nodes.map((node) => ({
      ...node,
      reported: { ...node.reported, description: { ...node.reported.description, Hostname: node.ID } },
    }));
    expect(partner(b, named)).toBeUndefined();
  });

  it('brings the squares of both services down, keeps within the room, and is the last after some', () => {
    const aService = fc.record({ size: fc.integer({ min: 1, max: 2 }), counts: fc.array(fc.nat(4)) });
    const aCluster = fc.record({
      room: fc.array(fc.nat(2), { minLength: 2, maxLength: 4 }),
      services: fc.array(aService, { minLength: 2, maxLength: 4 }),
    });
    fc.assert(
      fc.property(aCluster, ({ room, services }) => {
        let tasks = services.flatMap(({ size, counts }, n) =>
          on(`s${n}`, size, Object.fromEntries(room.map((_, at) => [`n${at}`, counts[at] ?? 0]))),
        );
        const sizeOf = (task: Task) => Number(task.Spec.Resources?.Reservations?.NanoCPUs ?? 0) / 1e9;
        const used = (id: string) =>
          tasks.filter(({ NodeID }) => NodeID === id).reduce((sum, task) => sum + sizeOf(task), 0);
        const nodes = room.map((spare, at) => cpus(`n${at}`, used(`n${at}`) + spare));
        const squares = (service: string) =>
          nodes
            .map(
              ({ ID }) =>
                tasks.filter(({ NodeID, ServiceID }) => NodeID === ID && ServiceID === service).length ** 2,
            )
            .reduce((sum, square) => sum + square, 0);
        const capacities = new Map(
          nodes.map(({ ID, reported }) => [ID, reported.description.Resources?.NanoCPUs]),
        );
        for (let swaps = 0; ; swaps++) {
          expect(swaps).toBeLessThan(200);
          const found = tasks
            .map((task) => [task, partnerOf(nodes, tasks, task)] as const)
            .find(([, partner]) => partner);
          const [one, other] = found ?? [];
          if (!one || !other) break;
          const before = [one, other].map(({ ServiceID }) => squares(ServiceID));
          tasks = tasks.map((task) =>
            task.ID === one.ID
              ? { ...task, NodeID: other.NodeID as string }
              : task.ID === other.ID
                ? { ...task, NodeID: one.NodeID as string }
                : task,
          );
          for (const [index, { ServiceID }] of [one, other].entries())
            expect(squares(ServiceID)).toBeLessThanOrEqual((before[index] ?? 0) - 2);
          for (const [id, capacity] of capacities) expect(used(id) * 1e9).toBeLessThanOrEqual(capacity ?? 0);
        }
      }),
    );
  });
});
