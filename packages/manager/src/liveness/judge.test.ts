import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { silenceMs, silentNodes, tickMs } from './judge.ts';

describe('silentNodes', () => {
  it('names a node once it was silent for longer than allowed, and not before', () => {
    const heard = new Map([['a', 0]]);
    expect(silentNodes({ heard, lastTick: silenceMs - tickMs, now: silenceMs }).silent).toEqual([]);
    expect(silentNodes({ heard, lastTick: silenceMs - tickMs + 1, now: silenceMs + 1 }).silent).toEqual([
      'a',
    ]);
  });

  it('does not hold its own stall against the nodes', () => {
    const heard = new Map([['a', 0]]);
    expect(silentNodes({ heard, lastTick: 100, now: 60_000 })).toEqual({
      silent: [],
      deafMs: 60_000 - 100 - tickMs,
    });
  });

  it('never names a node that spoke within the allowed time, whatever the pauses of the manager', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: silenceMs }), { maxLength: 20 }),
        fc.nat({ max: 60_000 }),
        (ages, pause) => {
          const now = 1_000_000;
          const heard = new Map(ages.map((age, index) => [String(index), now - age]));
          return silentNodes({ heard, lastTick: now - pause, now }).silent.length === 0;
        },
      ),
    );
  });
});
