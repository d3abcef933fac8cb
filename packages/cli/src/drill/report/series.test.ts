import type { DrillEvent } from '@shoal/testbed/drill';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { absences, bandsOf, binsOf, rowsOf, stepsOf, ticksOf } from './series.ts';

const node = (atMs: number, host: string, state: string): DrillEvent => ({ type: 'node', atMs, host, state });
const task = (atMs: number, id: string, host: string, state: string, desired = 'running'): DrillEvent => ({
  type: 'task',
  atMs,
  task: { id, slot: 1, host, state, desired },
});

test('a host has a step for each change of its own tasks, and none for others', () => {
  const events = [
    node(0, 'h1', 'ready'),
    node(0, 'h2', 'ready'),
    task(1, 'a', 'h1', 'starting'),
    task(2, 'a', 'h1', 'running'),
    task(3, 'b', 'h2', 'running'),
    node(4, 'h1', 'down'),
    task(5, 'a', 'h1', 'running', 'shutdown'),
  ];
  expect(stepsOf(events, 'h1')).toEqual([
    { atMs: 0, serving: 0, wanted: 0 },
    { atMs: 1, serving: 0, wanted: 1 },
    { atMs: 2, serving: 1, wanted: 1 },
    { atMs: 4, serving: 0, wanted: 1 },
    { atMs: 5, serving: 0, wanted: 0 },
  ]);
});

test('a host is not ready from one state to the next, the manager away until it answers', () => {
  const events: DrillEvent[] = [
    node(0, 'h1', 'ready'),
    node(3, 'h1', 'disconnected'),
    node(8, 'h1', 'down'),
    { type: 'manager', atMs: 5, answers: false },
    { type: 'manager', atMs: 6, answers: true },
  ];
  expect(bandsOf(events, 'h1', 20)).toEqual([
    { fromMs: 3, toMs: 8, says: 'disconnected' },
    { fromMs: 8, toMs: 20, says: 'down' },
  ]);
  expect(absences(events, 20)).toEqual([{ fromMs: 5, toMs: 6, says: 'does not answer' }]);
});

test('no request of the time shown is left out of the bins, or counted twice', () => {
  const slot = fc.record({ atMs: fc.nat({ max: 9_999 }), ok: fc.nat(9), failed: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(slot), fc.constantFrom(100, 300, 1_000), (slots, binMs) => {
      const bins = binsOf(slots, { fromMs: 0, toMs: 10_000, binMs });
      const sum = (of: readonly { ok: number; failed: number }[]) =>
        of.reduce((total, { ok, failed }) => total + ok * 1_000 + failed, 0);
      expect(sum(bins)).toBe(sum(slots));
    }),
  );
});

test('labels of one row never overlap', () => {
  const label = fc.record({ left: fc.nat({ max: 900 }), width: fc.integer({ min: 1, max: 200 }) });
  fc.assert(
    fc.property(fc.array(label, { maxLength: 12 }), (labels) => {
      const sorted = labels.toSorted((a, b) => a.left - b.left);
      const placed = rowsOf(sorted).map((row, index) => ({ row, ...sorted[index] }));
      for (const { row, left = 0 } of placed)
        expect(
          placed.filter(
            (other) =>
              other.row === row && (other.left ?? 0) <= left && (other.left ?? 0) + (other.width ?? 0) > left,
          ),
        ).toHaveLength(1);
    }),
  );
});

test.each([
  [-2, 6, 14, [-2, -1, 0, 1, 2, 3, 4, 5, 6]],
  [-2, 65, 14, [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65]],
  [0.2, 0.4, 14, []],
])('ticks from %f s to %f s', (from, to, most, ticks) => {
  expect(ticksOf(from, to, most)).toEqual(ticks);
});
