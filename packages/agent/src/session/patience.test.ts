import { assert, double, integer, property } from 'fast-check';
import { expect, it } from 'vitest';
import { welcomePatienceMs } from './patience.ts';

const random = double({ min: 0, max: 1, noNaN: true });

it('lets a manager that needs up to 40 s for a Welcome get there with the fourth connection at the latest', () => {
  assert(
    property(integer({ min: 0, max: 40_000 }), random, (neededMs, chance) => {
      let tries = 1;
      while (welcomePatienceMs(tries - 1, chance) < neededMs) tries++;
      expect(tries).toBeLessThanOrEqual(4);
    }),
  );
});

it('is patient for 5 s at first, and for 50 s at most however often nothing came', () => {
  assert(
    property(integer({ min: 0, max: 5_000 }), random, (unanswered, chance) => {
      const patience = welcomePatienceMs(unanswered, chance);
      expect(patience).toBeGreaterThanOrEqual(5_000);
      expect(patience).toBeLessThanOrEqual(50_000);
    }),
  );
});
