import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mostReachable } from './invariants.ts';

const answers = (spans: readonly (readonly [string, ...number[]])[]) =>
  spans.flatMap(([by, ...times]) => times.map((atMs) => ({ by, atMs })));

test.each([
  ['nobody', [], 0],
  [
    'one after the other',
    [
      ['a', 0, 500, 1000],
      ['b', 1000, 1500],
    ],
    1,
  ],
  [
    'both for a while',
    [
      ['a', 0, 500, 1000],
      ['b', 900, 1500],
    ],
    2,
  ],
  [
    'one that was away meanwhile',
    [
      ['a', 0, 500, 5000, 5500],
      ['b', 1000, 1900, 2800],
    ],
    1,
  ],
  [
    'asked only once',
    [
      ['a', 100],
      ['b', 100],
    ],
    0,
  ],
] as [string, [string, ...number[]][], number][])('%s', (_, spans, most) => {
  expect(mostReachable(answers(spans))).toBe(most);
});

test('never more than replicas, and no matter in which order answers came', () => {
  const answer = fc.record({ by: fc.constantFrom('a', 'b', 'c'), atMs: fc.nat({ max: 5000 }) });
  fc.assert(
    fc.property(fc.array(answer), (all) => {
      const most = mostReachable(all);
      expect(most).toBeLessThanOrEqual(new Set(all.map(({ by }) => by)).size);
      expect(mostReachable(all.toReversed())).toBe(most);
    }),
  );
});
