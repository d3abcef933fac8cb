import type Docker from 'dockerode';
import type { Cluster } from '../cluster/index.ts';
import type { View } from './view.ts';

/** Where a drill is played. */
export interface Scene {
  readonly docker: Docker;
  /** Real hosts that may be struck; a live cluster has none. */
  readonly testbed: Cluster | undefined;
  /** Name of the host that is struck. */
  readonly victim: string;
  /** Name of the manager's host. */
  readonly manager: string;
  readonly service: string;
  readonly signal: AbortSignal;
}

/** What a drill of several acts needs while they are played. */
export interface Stage {
  /** Replicas of the service. */
  readonly desired: number;
  /** On which every host answers for it. */
  readonly port: number;
  readonly says: (text: string) => void;
  /** Requests go to this address no more, until they do again. */
  readonly leaveOut: (address: string) => void;
  readonly takeBack: (address: string) => void;
  /** Rejects when it does not hold in time; `what` is said then. */
  readonly until: (what: string, holds: (view: View) => boolean, timeoutMs: number) => Promise<void>;
  /** Rejects unless every replica answers on every host. */
  readonly allAnswer: () => Promise<void>;
}
