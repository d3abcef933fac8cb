import type { Node } from '../model/index.ts';
import type { Neighbours } from './neighbours.ts';
import type { Occupancy } from './occupancy.ts';

/** Where tasks of all services are, as it will be after the placements made so far. */
export interface Census {
  /** Tasks of these services that count on the node, or on all that are one branch with it. */
  tasksBeside(neighbours: Neighbours, node: Node): number;
}

/** One node, seen by one group of equal tasks. */
export interface Candidate {
  readonly node: Node;
  /** The time of the look, ms since the epoch. */
  readonly now: number;
  /** Grows while tasks are placed. */
  readonly used: Occupancy;
  /** The node's place in an order that node ids and the seed make; decides between equals. */
  readonly order: number;
  readonly census: Census;
  /** Active tasks of the group's service on the node. */
  serviceTasks: number;
  /** Recent failures of the group's service and version on the node, weighted. */
  readonly failures: number;
  readonly imagePresent: boolean;
  /** All scores as one number, see `keyOf`. Less is better. */
  key: number;
}
