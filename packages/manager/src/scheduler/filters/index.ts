import type { Candidate } from '../candidate.ts';
import type { Demand } from '../demand.ts';
import type { Filter } from './filter.ts';
import { assignedNode, availability, constraints, platform, readiness } from './node.ts';
import { hostPort, maxReplicas, resources } from './room.ts';

export type { Filter } from './filter.ts';

export const nodeFilters: readonly Filter[] = [assignedNode, readiness, availability, constraints, platform];
export const roomFilters: readonly Filter[] = [resources, hostPort, maxReplicas];

/** In the order in which they are asked; a refused node counts for the first that said no. */
export const filters: readonly Filter[] = [...nodeFilters, ...roomFilters];

export function passesAll(some: readonly Filter[], demand: Demand, candidate: Candidate): boolean {
  for (const filter of some) if (!filter.passes(demand, candidate)) return false;
  return true;
}
