import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, task } from '../services/testing.ts';
import { aService } from '../testing.ts';
import { firstToLeave, type Movable } from './off-pressed-nodes.ts';

const MiB = 2 ** 20;

interface Parts {
  readonly priority?: number;
  readonly reserved?: number;
  readonly created?: number;
}
function candidate(id: string, { priority, reserved = 0, created = 0 }: Parts): Movable {
  const Labels = priority === undefined ? {} : { 'shoal.priority': String(priority) };
  const Spec = { Resources: { Reservations: { MemoryBytes: reserved * MiB } } };
  return {
    task: task(id, { created, change: { Spec } }),
    service: aService(id, { Spec: { Labels } }),
    tasks: [],
  };
}

/** Ids in the order in which they leave; uses are in MiB. */
const order = (uses: Readonly<Record<string, number>>, candidates: readonly Movable[]): string[] => {
  const memory = new Map(Object.entries(uses).map(([id, MiBs]) => [id, MiBs * MiB]));
  return candidates.toSorted(firstToLeave(memory)).map(({ task: { ID } }) => ID);
};

describe('first to leave', () => {
  it('is who uses more than was reserved, whatever its priority', () => {
    const some = [
      candidate('frugal', { priority: -9, reserved: 100 }),
      candidate('greedy', { priority: 9, reserved: 100 }),
    ];
    expect(order({ frugal: 100, greedy: 101 }, some)).toEqual(['greedy', 'frugal']);
  });

  it('is, of those, who has the lowest priority, then who is furthest over; last, who is newest', () => {
    const some = [
      candidate('most', { reserved: 10 }),
      candidate('least', {}),
      candidate('lowest', { priority: -1, reserved: 10 }),
      candidate('high', { priority: 5 }),
    ];
    expect(order({ most: 200, least: 100, lowest: 11, high: 900 }, some)).toEqual([
      'lowest',
      'most',
      'least',
      'high',
    ]);
    const equal = [candidate('older', {}), candidate('newer', { created: 5 })];
    expect(order({}, equal)).toEqual(['newer', 'older']);
  });

  it('is an order, whatever is known', () => {
    const anyone = fc.record({
      priority: fc.integer({ min: -2, max: 2 }),
      reserved: fc.nat(3),
      created: fc.nat(3),
      used: fc.option(fc.nat(6)),
    });
    fc.assert(
      fc.property(fc.array(anyone, { maxLength: 8 }), (all) => {
        const candidates = all.map((one, n) => candidate(`t${n}`, one));
        const uses = Object.fromEntries(
          all.flatMap(({ used }, n) => (used === null ? [] : [[`t${n}`, used] as const])),
        );
        const leaving = order(uses, candidates);
        expect(order(uses, candidates.toReversed())).toEqual(leaving);
        const over = (id: string) => {
          const one = all[Number(id.slice(1))];
          return (one?.used ?? 0) > (one?.reserved ?? 0);
        };
        const firstFrugal = leaving.findIndex((id) => !over(id));
        if (firstFrugal >= 0) expect(leaving.slice(firstFrugal).some(over)).toBe(false);
      }),
    );
  });
});

describe('once the new task of a move runs', () => {
  const old = task('old');
  const next = (relieves: readonly string[]) =>
    task('next', { node: 'n2', created: 59_000, shoal: { moves: 'old', relieves } });

  it('the old one stops, and says why', () => {
    expect(decide({ tasks: [old, next(['memory'])] }).update).toMatchObject([
      { ID: 'old', DesiredState: 'shutdown', shoal: { stopReason: 'node-pressure' } },
    ]);
  });

  it('the old one goes with its container where that takes the space that is missing', () => {
    expect(decide({ tasks: [old, next(['pids', 'disk'])] }).update).toMatchObject([
      { ID: 'old', DesiredState: 'remove' },
    ]);
  });
});
