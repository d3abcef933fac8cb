import { expect, it } from 'vitest';
import { beatMs, leaseGraceMs, leaseMs, replaceMs } from './lease.ts';

it('lets no second copy start before the first must be dead, and no beat be missed at once', () => {
  expect(leaseMs + leaseGraceMs).toBeLessThan(replaceMs);
  expect(3 * beatMs).toBeLessThan(leaseMs);
});
