import type { Demand } from '../demand.ts';
import type { Filter, NodeFilter } from './filter.ts';
import { affinity, antiAffinity } from './neighbours.ts';
import {
  agentRelease,
  assignedNode,
  availability,
  constraints,
  dockerVersion,
  flapping,
  hostAccess,
  networks,
  platform,
  pressure,
  readiness,
  volumes,
} from './node.ts';
import { hostPort, maxReplicas, resources } from './room.ts';

export type { Filter, NodeFilter } from './filter.ts';
export { volumes };

export const nodeFilters: readonly NodeFilter[] = [
  assignedNode,
  volumes,
  readiness,
  availability,
  pressure,
  constraints,
  platform,
  hostAccess,
  dockerVersion,
  agentRelease,
  networks,
];
/** What a node lacks now and may have later: moves to it wait. */
export const roomFilters: readonly Filter[] = [
  flapping,
  affinity,
  antiAffinity,
  resources,
  hostPort,
  maxReplicas,
];
/** By name, those of which one service leaves less to another. */
export const contestable: ReadonlySet<string> = new Set([resources.name, hostPort.name]);

/** In the order in which they are asked; a refused node counts for the first that said no. */
export const filters: readonly Filter[] = [...nodeFilters, ...roomFilters];

/** Those that can refuse a node to these tasks at all. */
export const applying = <F extends NodeFilter | Filter>(some: readonly F[], demand: Demand): F[] =>
  some.filter((filter) => filter.applies(demand));

/** Whether all of `some` pass, which must all apply to the demand. */
export function passesAll<About>(some: readonly Filter<About>[], demand: Demand, about: About): boolean {
  for (const filter of some) if (!filter.passes(demand, about)) return false;
  return true;
}
