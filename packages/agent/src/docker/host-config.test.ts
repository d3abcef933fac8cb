import { expect, it } from 'vitest';
import { anAssignment } from '../task/testing.ts';
import { hostConfig } from './host-config.ts';

it.each([
  ['unlimited swap', { memoryBytes: 1e8, swapBytes: -1 }, 0, { Memory: 1e8, MemorySwap: -1 }],
  ['no swap', { memoryBytes: 1e8, swapBytes: 0 }, 0, { Memory: 1e8, MemorySwap: 1e8 }],
  ['a reservation above the limit, which Docker refuses', { memoryBytes: 1e8 }, 2e8, { Memory: 1e8 }],
  ['a reservation too small for Docker', {}, 4_194_304, {}],
])('resources: %s', (_name, limits, reserved, expected) => {
  const resources = hostConfig(
    anAssignment('t1', 'running', { limits, reservations: { memoryBytes: reserved } }),
  );
  const { Memory, MemorySwap, MemoryReservation } = resources;
  const given = Object.fromEntries(
    Object.entries({ Memory, MemorySwap, MemoryReservation }).filter(([, value]) => value !== undefined),
  );
  expect(given).toEqual(expected);
});
