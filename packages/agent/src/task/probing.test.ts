import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Check } from './container.ts';
import { hasPassed, type Probing, probeAt, tried } from './probing.ts';
import { aCheck, aContainer } from './testing.ts';

/** When a check is run that always fails, and takes `took` ms each time, in the first minute. */
function triesOf(check: Check, took = 10): number[] {
  const container = aContainer({ health: 'starting', check });
  const tries: number[] = [];
  let probing: Probing | undefined;
  for (let now = 0; now <= 60_000; ) {
    tries.push(now);
    probing = tried(probing, container, check, { from: now, to: now + took, passed: false });
    now = probeAt(probing, container) ?? Number.POSITIVE_INFINITY;
  }
  return tries;
}

describe('a check that fails', () => {
  it.each<[string, Check, number[]]>([
    [
      'without any times: at once, soon, then every 5 s',
      aCheck(),
      [
        0, 250, 750, 1_750, 3_750, 7_750, 12_750, 17_750, 22_750, 27_750, 32_750, 37_750, 42_750, 47_750,
        52_750, 57_750,
      ],
    ],
    ['of 2 s: until the daemon is as quick', aCheck({ intervalMs: 2_000 }), [0, 250, 750, 1_750]],
    ['of 0.1 s: once', aCheck({ intervalMs: 100 }), [0]],
    [
      'with a start interval, as often as that says',
      aCheck({ startIntervalMs: 20_000 }),
      [0, 20_000, 40_000, 60_000],
    ],
    [
      'that the daemon itself runs that often: once',
      aCheck({ startIntervalMs: 500, daemonStarts: true }),
      [0],
    ],
  ])('%s', (_name, check, expected) => {
    expect(triesOf(check)).toEqual(expected);
  });

  it('is run no more than half of the time', () => {
    const times = fc.record({
      startIntervalMs: fc.nat(2_000),
      intervalMs: fc.integer({ min: 1, max: 60_000 }),
    });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 30_000 }), (more, took) => {
        const tries = triesOf(aCheck(more), took);
        for (const [n, at] of tries.slice(1).entries())
          expect(at - (tries[n] ?? 0)).toBeGreaterThanOrEqual(2 * took);
      }),
      { numRuns: 50 },
    );
  });
});

it('is run for a container that starts, and for no other', () => {
  const starting = aContainer({ health: 'starting', check: aCheck() });
  const passed = tried(undefined, starting, aCheck(), { from: 0, to: 1, passed: true });
  expect(probeAt(undefined, starting)).toBe(0);
  expect(probeAt(passed, starting)).toBeUndefined();
  expect(hasPassed(passed, starting)).toBe(true);
  for (const other of [
    { ...starting, health: 'healthy' as const },
    { ...starting, health: 'unhealthy' as const },
    { ...starting, phase: 'paused' as const },
    aContainer({ health: 'starting' }),
  ])
    expect(probeAt(undefined, other)).toBeUndefined();
  const again = { ...starting, startedAt: 'second' };
  expect([probeAt(passed, again), hasPassed(passed, again)]).toEqual([0, false]);
  expect(tried(passed, again, aCheck(), { from: 0, to: 1, passed: false }).tries).toBe(1);
});
