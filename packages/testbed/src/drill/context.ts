import type Docker from 'dockerode';
import type { Cluster } from '../cluster/index.ts';
import type { View } from './view.ts';

/** The cluster that a drill is played on, and whom it strikes. */
export interface DrillContext {
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

/** What a drill that goes on after its strike is given for it. */
export interface DrillControls {
  /** Replicas of the service. */
  readonly desired: number;
  /** The port on which every host answers for the service. */
  readonly port: number;
  readonly says: (text: string) => void;
  /** Sends no more requests to this address; `takeBack` sends some again. */
  readonly leaveOut: (address: string) => void;
  readonly takeBack: (address: string) => void;
  /** Resolves when it holds; rejects, naming `what`, if it does not hold in time. */
  readonly until: (what: string, holds: (view: View) => boolean, timeoutMs: number) => Promise<void>;
  /** Rejects unless every replica answers on every host. */
  readonly allAnswer: () => Promise<void>;
}
