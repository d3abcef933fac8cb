import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Task } from '../model/index.ts';
import { aNode } from '../testing.ts';
import { now, viewOf } from './arbitraries.fixture.ts';
import { ClusterState } from './cluster-state.ts';
import { schedule } from './schedule.ts';
import { aTask } from './testing.ts';

/** A node of two CPUs; each task takes one. */
const node = (id: string, cpus = 2) =>
  aNode(id, { reported: { description: { Resources: { NanoCPUs: cpus * 1e9, MemoryBytes: 1 } } } });
const Spec = { Resources: { Reservations: { NanoCPUs: 1e9 } } };
const waiting = (ServiceID: string, count: number, age = 0): Task[] =>
  Array.from({ length: count }, (_, index) =>
    aTask(`${ServiceID}-${index}`, {
      ServiceID,
      Spec,
      CreatedAt: new Date(now - age * 1_000 + index).toISOString(),
    }),
  );
const running = (ServiceID: string, NodeID: string, count: number): Task[] =>
  Array.from({ length: count }, (_, index) =>
    aTask(`${ServiceID}-on-${NodeID}-${index}`, {
      ServiceID,
      NodeID,
      Spec,
      Status: { State: 'running', Timestamp: '' },
    }),
  );

/** How many of each service are placed. */
function placed(nodes: ReturnType<typeof node>[], present: Task[], pending: Task[]): Record<string, number> {
  const state = ClusterState.from(viewOf(nodes, [...present, ...pending]));
  const schedules = schedule(state, pending, { now, seed: 0 });
  const services = new Map(pending.map(({ ID, ServiceID }) => [ID, ServiceID]));
  const counts: Record<string, number> = {};
  for (const { taskId } of schedules.placed) {
    const service = services.get(taskId) ?? '';
    counts[service] = (counts[service] ?? 0) + 1;
  }
  return counts;
}

describe('where room is short', () => {
  it('services that wait take turns, however long one waits', () => {
    expect(placed([node('n1')], [], [...waiting('a', 2, 60), ...waiting('b', 2)])).toEqual({ a: 1, b: 1 });
    const three = [...waiting('a', 9, 60), ...waiting('b', 9, 30), ...waiting('c', 9)];
    expect(placed([node('n1', 9)], [], three)).toEqual({ a: 3, b: 3, c: 3 });
    expect(placed([node('n1', 18)], [], three)).toEqual({ a: 6, b: 6, c: 6 });
  });

  it('the one that misses the greatest part of its tasks comes first', () => {
    const nodes = [node('n1', 9), node('n2', 1)];
    const most = running('a', 'n1', 9);
    expect(placed(nodes, most, [...waiting('a', 1, 60), ...waiting('b', 2)])).toEqual({ b: 1 });
  });

  it('what is served until it is replaced comes last', () => {
    const [old] = running('a', 'n1', 1);
    const [next] = waiting('a', 1, 60);
    if (!old || !next) throw new Error('no task');
    const update = { ...next, Slot: old.Slot as number };
    expect(placed([node('n1', 2)], [old], [update, ...waiting('b', 1)])).toEqual({ b: 1 });
  });

  it('the oldest comes first where they miss the same', () => {
    expect(placed([node('n1', 1)], [], [...waiting('b', 2, 60), ...waiting('a', 2)])).toEqual({ b: 1 });
  });

  it('no service of equals has more than another by more than a turn, and no room is left', () => {
    const aWorld = fc.record({
      nodes: fc.array(fc.nat(6), { minLength: 1, maxLength: 5 }),
      services: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
    });
    fc.assert(
      fc.property(aWorld, ({ nodes: cpus, services }) => {
        const counts = placed(
          cpus.map((count, n) => node(`n${n}`, count)),
          [],
          services.flatMap((count, n) => waiting(`s${n}`, count, n)),
        );
        const [room, wanted] = [cpus, services].map((all) => all.reduce((sum, one) => sum + one, 0));
        const all = Object.values(counts).reduce((sum, one) => sum + one, 0);
        expect(all).toBe(Math.min(room ?? 0, wanted ?? 0));
        const shares = services.map((count, n) => (counts[`s${n}`] ?? 0) / count);
        for (const [a, share] of shares.entries()) {
          // A turn is an eighth, and a task more by rounding.
          const turn = 1 / 8 + 1 / (services[a] ?? 1);
          for (const [b, other] of shares.entries())
            expect(share - other).toBeLessThanOrEqual(turn + 1 / (services[b] ?? 1) + 1e-9);
        }
      }),
      { numRuns: 300 },
    );
  });
});
