import type { Node } from '../model/index.ts';
import type { Occupancy } from './occupancy.ts';

/** One node, seen by one group of equal tasks. */
export interface Candidate {
  readonly node: Node;
  /** Grows while tasks are placed. */
  readonly used: Occupancy;
  /** Active tasks of the group's service on the node. */
  serviceTasks: number;
  /** Recent failures of the group's service and version on the node. */
  readonly failures: number;
  readonly imagePresent: boolean;
  /** Decides between nodes that are equal in everything else: from node and seed. */
  readonly tie: number;
  /** Values of `scores`, in their order. */
  rank: readonly number[];
}
