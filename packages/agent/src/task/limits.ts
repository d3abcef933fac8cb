import type { Assignment, HostLimits } from '@shoal/proto';
import { bodyOf } from './body.ts';
import type { ContainerLimits } from './container.ts';

export const noLimits: ContainerLimits = {
  nanoCpus: 0,
  memory: 0,
  memorySwap: 0,
  memoryReservation: 0,
  pids: 0,
};

/** What the container of a task is to get. */
export const limitsOf = (task: Assignment): ContainerLimits => limitsIn(bodyOf(task).HostConfig);

/** What a container is made with, or has (`docker inspect`). */
export const limitsIn = (host: HostLimits = {}): ContainerLimits => ({
  nanoCpus: host.NanoCpus ?? 0,
  memory: host.Memory ?? 0,
  memorySwap: host.MemorySwap ?? 0,
  memoryReservation: host.MemoryReservation ?? 0,
  pids: Math.max(0, host.PidsLimit ?? 0),
});

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
