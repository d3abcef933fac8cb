import { Loop } from '../loop.ts';
import { compareStates, isWanted, modeOf, stateOf, type Task, wakeUps } from '../model/index.ts';
import { ClusterState } from '../scheduler/index.ts';
import { nodeMatters, type OrchestratorOptions } from '../services/index.ts';
import type { Change, Store } from '../store/index.ts';
import { rebalance } from './rebalance.ts';
import { RecentLoss } from './recent-loss.ts';

/** Nothing here is urgent: many changes become one round. */
const gatherMs = 500;

/** Evens out the tasks of replicated services over the nodes, gently, from now until `close`. */
export function rebalanceLoop(store: Store, options: OrchestratorOptions): { close(): Promise<void> } {
  const { clock, ids, log } = options;
  const state = ClusterState.from(store.view);
  const recentLoss = new RecentLoss(clock());
  const underWay = new Set<string>();
  for (const task of store.view.tasks.all()) if (isUnderWay(task)) underWay.add(task.ID);
  const loop = new Loop({
    clock,
    log,
    gatherMs,
    act: (serviceIds, now) =>
      // `state` follows the view, so that here it equals what `tx` reads.
      store
        .updateOnView((tx) => rebalance(tx, serviceIds, { state, recentLoss, underWay, now, ids }), 'moves')
        .then(wakeUps),
  });
  const markAll = () => {
    for (const { ID, Spec } of store.view.services.all()) if (modeOf(Spec) === 'replicated') loop.mark(ID);
  };
  const notice = (change: Change) => {
    if (change.table === 'services') loop.mark(change.id);
    else if (change.table === 'nodes') recentLoss.note(change.before, change.after, clock());
    else if (change.table === 'tasks') {
      if (change.after && isUnderWay(change.after)) underWay.add(change.id);
      else underWay.delete(change.id);
      loop.mark((change.after ?? change.before)?.ServiceID ?? '');
    }
  };
  const unwatch = store.watch((batch) => {
    state.apply(batch);
    for (const change of batch.changes) notice(change);
    if (batch.changes.some((change) => change.table === 'nodes' && nodeMatters(change))) markAll();
  });
  markAll();
  return {
    close() {
      unwatch();
      return loop.close();
    },
  };
}

/** The new task of a move that does not run yet. */
const isUnderWay = (task: Task): boolean =>
  task.shoal.moves !== undefined && isWanted(task) && compareStates(stateOf(task), 'running') < 0;
