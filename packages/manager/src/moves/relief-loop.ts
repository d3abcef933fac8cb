import { Loop } from '../loop.ts';
import { isWanted, shortOf, type Task, wakeUps } from '../model/index.ts';
import { ClusterState } from '../scheduler/index.ts';
import type { OrchestratorOptions } from '../services/index.ts';
import type { Change, Store } from '../store/index.ts';
import { moveOffPressedNodes } from './off-pressed-nodes.ts';
import { PressureReliefs } from './pressure-reliefs.ts';
import { RecentLoss } from './recent-loss.ts';

/** Changes that come together become one round. */
const gatherMs = 500;

export interface ReliefOptions extends OrchestratorOptions {
  /** Bytes of memory that the tasks on a node use, by id; rejects when the node does not say. */
  readonly memory: (nodeId: string) => Promise<ReadonlyMap<string, number>>;
}

/** Moves tasks off nodes that are short of something, gently, from now until `close`. */
export function reliefLoop(store: Store, options: ReliefOptions): { close(): Promise<void> } {
  const { clock, ids, log, memory } = options;
  const recentLoss = new RecentLoss(clock());
  const reliefs = new PressureReliefs();
  const told = new Map<string, string>();
  const askedFor = async (nodeIds: Iterable<string>, now: number) => {
    const asked = [...nodeIds].filter((id) => {
      const node = store.view.nodes.get(id);
      return node && shortOf(node).includes('memory') && !reliefs.beforeMove(id, now);
    });
    const answers = await Promise.all(asked.map((id) => memory(id).catch(() => new Map<string, number>())));
    return new Map(answers.flatMap((answer) => [...answer]));
  };
  const tell = (nodeId: string, why: string | undefined) => {
    if (why !== undefined && why !== told.get(nodeId))
      log.warn({ nodeId, waitsFor: why }, 'nothing can be moved off a node under pressure');
    if (why === undefined) told.delete(nodeId);
    else told.set(nodeId, why);
  };
  const loop = new Loop({
    clock,
    log,
    gatherMs,
    act: async (nodeIds, now) => {
      const used = await askedFor(nodeIds, now);
      const waits = await store.updateOnView((tx) => {
        // Made each time, since it is rarely needed.
        const state = ClusterState.from(store.view);
        return moveOffPressedNodes(tx, nodeIds, { state, recentLoss, reliefs, memory: used, now, ids });
      }, 'moves');
      const stuck = new Map(waits.map(({ about, why }) => [about.id, why]));
      for (const id of nodeIds) tell(id, reliefs.beforeMove(id, now) ? undefined : stuck.get(id));
      return wakeUps(waits);
    },
  });
  const noteMove = (next: Task) => {
    const old = next.shoal.relieves && isWanted(next) && store.view.tasks.get(next.shoal.moves ?? '');
    if (!old) return;
    reliefs.begin(old, next);
    log.info(
      { nodeId: old.NodeID, taskId: old.ID, to: next.NodeID },
      'moving a task off a node under pressure',
    );
  };
  const notice = (change: Change) => {
    if (change.table === 'nodes') {
      recentLoss.note(change.before, change.after, clock());
      reliefs.note(change.id, change.after, clock());
      if (change.after?.reported.pressures) loop.mark(change.id);
    } else if (change.table === 'tasks') {
      if (!change.before && change.after) noteMove(change.after);
      const freed = reliefs.noteTask(change.id, change.after, clock());
      if (freed !== undefined) loop.mark(freed);
    }
  };
  const unwatch = store.watch((batch) => {
    for (const change of batch.changes) notice(change);
  });
  for (const node of store.view.nodes.all()) {
    reliefs.note(node.ID, node, clock());
    if (node.reported.pressures) loop.mark(node.ID);
  }
  // Moves that the manager's previous run began.
  for (const task of store.view.tasks.all()) noteMove(task);
  return {
    close() {
      unwatch();
      return loop.close();
    },
  };
}
