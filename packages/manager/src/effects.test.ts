import { afterEach, expect, it, vi } from 'vitest';
import { steadyTime } from './effects.ts';

afterEach(() => void vi.useRealTimers());

it.each([-3_600_000, 3_600_000])(
  'a host whose clock is set by %d ms does not change the time of its manager',
  (jump) => {
    const before = steadyTime();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + jump });
    expect(Math.abs(Date.now() - before)).toBeGreaterThan(3_500_000);
    expect(steadyTime() - before).toBeGreaterThanOrEqual(0);
    expect(steadyTime() - before).toBeLessThan(60_000);
  },
);
