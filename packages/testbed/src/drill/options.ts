import type Docker from 'dockerode';
import type { Cluster } from '../cluster/index.ts';
import type { Ask } from './ask.ts';
import type { Roles } from './roles.ts';
import type { DrillEvent } from './view.ts';

/** What a drill is played against. */
export interface Target {
  /** For people. */
  readonly address: string;
  readonly ask: Ask;
  readonly docker: Docker;
  /** Real hosts, which may be struck; a live cluster has none. */
  readonly testbed?: Cluster;
}

export interface DrillOptions {
  /** The host to strike; by default the last one that may be. */
  readonly victim?: string | undefined;
  readonly image: string;
  readonly replicas: number;
  /** Replicas count as running only once they listen. */
  readonly healthCheck: boolean;
  /** After the fault is undone, waits until the tasks are spread evenly again. */
  readonly untilBalanced: boolean;
  /** Called when all tasks are replaced, while the fault is still there and the load goes on. */
  readonly underFault?: (roles: Roles) => Promise<void>;
  readonly tell: (event: DrillEvent) => void;
  /** Breaks the drill off; what it did is undone all the same. */
  readonly signal: AbortSignal;
}
