import { expect, it } from 'vitest';
import { renewalSpreadMs } from './certificates.ts';

it.each([
  [0, 5_000],
  [100, 5_000],
  [1_000, 40_000],
  [5_000, 200_000],
])('%i nodes renew within %i ms', (nodes, ms) => {
  expect(renewalSpreadMs(nodes)).toBe(ms);
});
