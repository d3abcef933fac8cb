import { expect, it } from 'vitest';
import { backoffMs } from './reconnect.ts';

it('an agent waits longer and longer for the manager, but not for ever', () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8, 20].map((failures) => backoffMs(failures, 1));
  expect(waits).toEqual([100, 200, 400, 500, 500, 500, 500, 500, 500]);
  expect(backoffMs(3, 0)).toBe(200);
});
