import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node, Task } from '../model/index.ts';
import { aNode } from '../testing.ts';
import { Balancer } from './better-place.ts';
import { ClusterState } from './cluster-state.ts';
import { aTask } from './testing.ts';

const running = (id: string, NodeID: string, change: Partial<Task> = {}): Task =>
  aTask(id, {
    NodeID,
    Status: { Timestamp: '2026-01-01T00:00:00.000Z', State: 'running', PortStatus: {} },
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
const tasksOn = (counts: Readonly<Record<string, number>>, change: Partial<Task> = {}): Task[] =>
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
    const resting = aNode('n3', { shoal: { number: 3, images: [], falls: { count: 4, backAt: 0 } } });
    expect(find([aNode('n1'), aNode('n2'), resting], tasksOn({ n1: 3, n2: 3 }))).toBe('later');
  });

  it('is not where the service keeps failing', () => {
    const failed = Array.from({ length: 5 }, (_, n) =>
      running(`f${n}`, 'n3', {
        Status: { Timestamp: '', State: 'failed', PortStatus: {} },
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
      aNode('n1', { Description: { Resources: { NanoCPUs: 1e9, MemoryBytes: 8 * 2 ** 30 } } }),
      aNode('n2', { Description: { Resources: { NanoCPUs: 1e9, MemoryBytes: 2 ** 30 } } }),
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
