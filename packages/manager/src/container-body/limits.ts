import type { TaskSpec } from '../model/index.ts';

/** Below this, Docker refuses a memory reservation; a task that reserves less still gets its place. */
const leastMemoryReservation = 6 * 2 ** 20;

/** What a container may use: the fields of Docker's HostConfig. What the spec doesn't limit is absent. */
export function limits(resources: TaskSpec['Resources']) {
  const { NanoCPUs, MemoryBytes, Pids } = resources?.Limits ?? {};
  const memory = MemoryBytes ?? 0;
  const swap = resources?.SwapBytes ?? undefined;
  const reservation = memoryReservation(resources);
  return {
    ...(NanoCPUs && { NanoCpus: NanoCPUs }),
    ...(memory > 0 && { Memory: memory }),
    // Docker counts memory and swap together; -1 is unlimited swap.
    ...(memory > 0 && swap !== undefined && { MemorySwap: swap === -1 ? -1 : memory + swap }),
    ...(reservation > 0 && { MemoryReservation: reservation }),
    ...(Pids && { PidsLimit: Pids }),
    ...(resources?.MemorySwappiness != null && { MemorySwappiness: resources.MemorySwappiness }),
  };
}

/** Bytes that Docker takes as a reservation of the spec's; it refuses one above the limit, too. */
export function memoryReservation(resources: TaskSpec['Resources']): number {
  const reserved = resources?.Reservations?.MemoryBytes ?? 0;
  const limit = resources?.Limits?.MemoryBytes ?? 0;
  return reserved >= leastMemoryReservation && (limit === 0 || reserved <= limit) ? reserved : 0;
}
