import type { Candidate } from '../candidate.ts';
import type { Demand } from '../demand.ts';

/** A yes-or-no question about one node. */
export interface Filter {
  readonly name: string;
  passes(demand: Demand, candidate: Candidate): boolean;
  /** Why the node was refused, in plain words; asked only after `passes` said no. */
  why(demand: Demand, candidate: Candidate): string;
  /** The same for a number of nodes, e.g. `insufficient resources on 3 nodes`. */
  summary(nodes: number): string;
}

export const countNodes = (nodes: number): string => (nodes === 1 ? '1 node' : `${nodes} nodes`);
