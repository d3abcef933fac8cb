import { expect, test } from 'vitest';
import { evenness, median, quantile } from '../measure/stats.ts';

test('quantiles', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(quantile([5, 1, 2, 3, 4], 0.95)).toBe(5);
  expect(median([])).toBeNaN();
});

test('evenness is the p-value of the chi-square test', () => {
  expect(evenness([100, 100, 100])).toBe(1);
  // Critical values of the tables: 3.841 at 1 degree of freedom and 5 %; 11.070 at 5 and 5 %.
  const atOne = Math.sqrt(3.841 * 50);
  expect(evenness([100 + atOne, 100 - atOne])).toBeCloseTo(0.05, 3);
  const atFive = Math.sqrt((11.07 * 1_000) / 6);
  const [more, less] = [1_000 + atFive, 1_000 - atFive];
  expect(evenness([more, less, more, less, more, less])).toBeCloseTo(0.05, 3);
});

test('what never happens by chance', () => {
  expect(evenness([2_000, 1_000, 1_000, 1_000, 1_000, 1_000])).toBeLessThan(1e-9);
});
