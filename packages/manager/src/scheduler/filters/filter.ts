import type { Candidate } from '../candidate.ts';
import type { Demand } from '../demand.ts';
import type { Missing } from '../missing.ts';

/** A yes-or-no question about one node, or (a node filter) about what the node is, whatever runs on it. */
export interface Filter<About = Candidate> {
  readonly name: string;
  /** Whether it can refuse anything at all; saves asking every node. */
  applies(demand: Demand): boolean;
  passes(demand: Demand, about: About): boolean;
  /** Why the node was refused, in plain words; asked only after `passes` said no. */
  why(demand: Demand, about: About): string;
  /** The same for a number of nodes, e.g. `insufficient resources on 3 nodes`. */
  summary(nodes: number): string;
  /** What the nodes that it refused lack, where the summary leaves it open. */
  missing?(demand: Demand, refused: readonly About[]): Missing;
}

export type NodeFilter = Filter<Pick<Candidate, 'node' | 'now'>>;
