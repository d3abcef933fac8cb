import type { Ids } from '../effects.ts';
import type { ClusterState } from '../scheduler/index.ts';
import type { RecentLoss } from './recent-loss.ts';

export interface RebalanceContext {
  /** Equal to what `tx` reads. */
  readonly state: ClusterState;
  readonly recentLoss: RecentLoss;
  /** The new tasks of moves, by id, that do not run yet. */
  readonly underWay: ReadonlySet<string>;
  readonly now: number;
  readonly ids: Ids;
}
