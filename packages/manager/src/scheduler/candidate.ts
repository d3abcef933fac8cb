import type { Node } from '../model/index.ts';
import type { Occupancy } from './occupancy.ts';

/** One node, seen by one group of equal tasks. */
export interface Candidate {
  readonly node: Node;
  /** The time of the look, ms since the epoch. */
  readonly now: number;
  /** Grows while tasks are placed. */
  readonly used: Occupancy;
  /** The node's place in an order that node ids and the seed make; decides between equals. */
  readonly order: number;
  /** Active tasks of the group's service on the node. */
  serviceTasks: number;
  /** Recent failures of the group's service and version on the node, weighted. */
  readonly failures: number;
  readonly imagePresent: boolean;
  /** All scores as one number, see `keyOf`. Less is better. */
  key: number;
}
