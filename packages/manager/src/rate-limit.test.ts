import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RateLimit } from './rate-limit.ts';

const rate = { burst: 5, perSecond: 10 };

it('takes a burst, then as many as the rate allows, and says when to come again', () => {
  let now = 1_000_000;
  const limit = new RateLimit(() => now);
  const take = () => limit.take('a', rate);
  expect([1, 2, 3, 4, 5].map(take)).toEqual([0, 0, 0, 0, 0]);
  expect(take()).toBe(100);
  now += 60;
  expect(take()).toBe(40);
  now += 40;
  expect([take(), take()]).toEqual([0, 100]);
  expect(limit.take('b', rate)).toBe(0);
  limit.giveBack('a', rate);
  expect([take(), take()]).toEqual([0, 100]);
  limit.giveBack('nobody', rate);
});

it('never lets through more than burst and rate, and always what waited as long as it was told', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { maxLength: 200 }), (pauses) => {
      let now = 0;
      const limit = new RateLimit(() => now);
      let taken = 0;
      for (const pause of pauses) {
        now += pause;
        const waitMs = limit.take('a', rate);
        if (waitMs === 0) taken++;
        expect(taken).toBeLessThanOrEqual(rate.burst + (now * rate.perSecond) / 1_000);
        if (waitMs === 0) continue;
        now += waitMs;
        expect(limit.take('a', rate)).toBe(0);
        taken++;
      }
    }),
  );
});

it('remembers no more than so many clients, those that asked last', () => {
  const limit = new RateLimit(() => 0);
  const once = { burst: 1, perSecond: 1 };
  for (let i = 0; i < 10_001; i++) limit.take(`client ${i}`, once);
  expect(limit.take('client 10000', once)).toBe(1_000);
  expect(limit.take('client 0', once)).toBe(0);
});
