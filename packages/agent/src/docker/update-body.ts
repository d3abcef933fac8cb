import type { HostLimits } from '@shoal/proto';
import type { ContainerLimits } from '../task/index.ts';

/**
 * Body of `POST /containers/{id}/update`. What it does not name stays: Docker's own default for swap, twice the memory,
 * has to follow a new limit, and no limit on PIDs has to be said aloud.
 */
export const updateBody = (
  { nanoCpus, memory, memorySwap, memoryReservation, pids }: ContainerLimits,
  present: ContainerLimits,
): HostLimits => ({
  ...(nanoCpus > 0 && { NanoCpus: nanoCpus }),
  ...(memory > 0 && { Memory: memory, MemorySwap: memorySwap || 2 * memory }),
  ...(memoryReservation > 0 && { MemoryReservation: memoryReservation }),
  ...(pids > 0 && { PidsLimit: pids }),
  ...(pids === 0 && present.pids > 0 && { PidsLimit: -1 }),
});
