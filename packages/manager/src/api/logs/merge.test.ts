import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Merge } from './merge.ts';

const patienceMs = 100;
interface Item {
  readonly at: number;
  readonly source: string;
}
/** Sources whose items are in order of time, cut into batches that come after some delay each. */
const sources = fc.array(
  fc.record({
    firstMs: fc.nat(3 * patienceMs),
    batches: fc.array(
      fc.record({
        delayMs: fc.nat(3 * patienceMs),
        steps: fc.array(fc.nat(50), { minLength: 1, maxLength: 4 }),
      }),
      { maxLength: 4 },
    ),
  }),
  { minLength: 1, maxLength: 5 },
);
type Sources = typeof sources extends fc.Arbitrary<infer S> ? S : never;

/** Runs a merge in simulated time: each batch comes its delay after the one before was taken, then the source closes. */
function run(given: Sources): { taken: Item[]; heldMs: number } {
  const merge = new Merge<Item>(patienceMs);
  const taken: Item[] = [];
  const coming: { at: number; act: () => void }[] = [];
  let now = 0;
  let heldMs = 0;
  const after = (ms: number, act: () => void) => coming.push({ at: now + ms, act });
  given.forEach(({ firstMs, batches }, index) => {
    const source = `s${index}`;
    let at = 0;
    const rest = batches.map(({ delayMs, steps }) => ({
      delayMs,
      items: steps.map((step) => {
        at += step;
        return { at, source };
      }),
    }));
    merge.open(source, patienceMs);
    const next = (extraMs: number) => {
      const batch = rest.shift();
      if (!batch) return merge.close(source);
      after(batch.delayMs + extraMs, () => merge.put(source, batch.items, () => next(0)));
      return undefined;
    };
    next(firstMs);
  });
  for (let turns = 0; turns < 10_000; turns++) {
    const before = now;
    for (let item = merge.take(now); item; item = merge.take(now)) taken.push(item);
    const until = merge.waitsUntil(now);
    coming.sort((a, b) => a.at - b.at);
    const event = coming[0];
    if (!event && until === undefined) break;
    if (event && event.at <= (until ?? Infinity)) {
      now = event.at;
      coming.shift();
      event.act();
    } else now = until ?? now;
    if (until !== undefined) heldMs = Math.max(heldMs, now - before);
  }
  expect(merge.sources).toBe(0);
  return { taken, heldMs };
}
const all = (given: Sources): number =>
  given.flatMap(({ batches }) => batches.flatMap(({ steps }) => steps)).length;

it('gives everything, once, each source in its own order, and holds nothing longer than its patience', () => {
  fc.assert(
    fc.property(sources, (given) => {
      const { taken, heldMs } = run(given);
      expect(taken).toHaveLength(all(given));
      for (const [, own] of Map.groupBy(taken, ({ source }) => source))
        expect(own.map(({ at }) => at)).toEqual(own.map(({ at }) => at).toSorted((a, b) => a - b));
      expect(heldMs).toBeLessThanOrEqual(patienceMs);
    }),
  );
});

it('gives everything in order of time where no source takes longer than its patience', () => {
  fc.assert(
    fc.property(sources, (given) => {
      const prompt = given.map(({ firstMs, batches }) => ({
        firstMs: firstMs % 40,
        batches: batches.map(({ delayMs, steps }) => ({ delayMs: delayMs % 40, steps })),
      }));
      const times = run(prompt).taken.map(({ at }) => at);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }),
  );
});

it('does not wait for a source again before it has spoken', () => {
  const merge = new Merge<Item>(patienceMs);
  merge.open('a', 100);
  merge.open('silent', 100);
  merge.put(
    'a',
    [
      { at: 1, source: 'a' },
      { at: 2, source: 'a' },
    ],
    () => undefined,
  );
  expect([merge.take(50), merge.waitsUntil(50)]).toEqual([undefined, 100]);
  expect([merge.take(100)?.at, merge.take(100)?.at]).toEqual([1, 2]);
  merge.put('silent', [{ at: 3, source: 'silent' }], () => undefined);
  expect(merge.take(150)).toBe(undefined);
  expect(merge.take(200)?.at).toBe(3);
});
