import { vi } from 'vitest';

/** Waits for what comes by itself, however busy the machine is: a first connection may take seconds. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 30_000 });
