import type { Assignment } from '@shoal/proto';
import type { ContainerLimits } from './container.ts';

/** Below this, Docker refuses a memory reservation; a task that reserves less still gets its place. */
const leastMemoryReservation = 6 * 1024 * 1024;

export const noLimits: ContainerLimits = {
  nanoCpus: 0,
  memory: 0,
  memorySwap: 0,
  memoryReservation: 0,
  pids: 0,
};

/** What the container of a task gets. */
export function limitsOf({
  limits,
  reservations,
}: Pick<Assignment, 'limits' | 'reservations'>): ContainerLimits {
  const memory = limits?.memoryBytes ?? 0;
  const swap = limits?.swapBytes;
  const reserved = reservations?.memoryBytes ?? 0;
  const reservable = reserved >= leastMemoryReservation && (memory === 0 || reserved <= memory);
  return {
    nanoCpus: limits?.nanoCpus ?? 0,
    memory,
    memorySwap: memory === 0 || swap === undefined ? 0 : swap === -1 ? -1 : memory + swap,
    memoryReservation: reservable ? reserved : 0,
    pids: Math.max(0, limits?.pids ?? 0),
  };
}

/**
 * Whether a container lacks limits that it should have. What it has on top was set by the daemon or by hand: only a
 * limit on PIDs can be taken away from a container that runs.
 */
export const lacks = (present: ContainerLimits, wanted: ContainerLimits): boolean =>
  present.pids !== wanted.pids ||
  (['nanoCpus', 'memory', 'memorySwap', 'memoryReservation'] as const).some(
    (key) => wanted[key] !== 0 && wanted[key] !== present[key],
  );

export const areSame = (a: ContainerLimits, b: ContainerLimits): boolean =>
  JSON.stringify(a) === JSON.stringify(b);
