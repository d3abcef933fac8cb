import { Loop } from '../loop.ts';
import { isWanted, shortOf, type Task, wakeUps } from '../model/index.ts';
import { ClusterState } from '../scheduler/index.ts';
import type { OrchestratorOptions } from '../services/index.ts';
import type { Change, Store } from '../store/index.ts';
import { Losses } from './losses.ts';
import { relieve } from './relieve.ts';
import { Strains } from './strains.ts';

/** Changes that come together become one round. */
const gatherMs = 500;

export interface RelieveOptions extends OrchestratorOptions {
  /** Bytes of memory that the tasks on a node use, by id; rejects when the node does not say. */
  readonly memory: (nodeId: string) => Promise<ReadonlyMap<string, number>>;
}

/** Moves tasks off nodes that are short of something, gently, from now until `close`. */
export function relieveLoop(store: Store, options: RelieveOptions): { close(): Promise<void> } {
  const { clock, ids, log, memory } = options;
  const losses = new Losses(clock());
  const strains = new Strains();
  const told = new Map<string, string>();
  const askedFor = async (nodeIds: Iterable<string>, now: number) => {
    const asked = [...nodeIds].filter((id) => {
      const node = store.view.nodes.get(id);
      return node && shortOf(node).includes('memory') && !strains.beforeMove(id, now);
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
        // Made anew, since it is needed so rarely.
        const state = ClusterState.from(store.view);
        return relieve(tx, nodeIds, { state, losses, strains, memory: used, now, ids });
      }, 'moves');
      const stuck = new Map(waits.map(({ about, why }) => [about.id, why]));
      for (const id of nodeIds) tell(id, strains.beforeMove(id, now) ? undefined : stuck.get(id));
      return wakeUps(waits);
    },
  });
  const noteMove = (next: Task) => {
    const old = next.shoal.relieves && isWanted(next) && store.view.tasks.get(next.shoal.moves ?? '');
    if (!old) return;
    strains.begin(old, next);
    log.info(
      { nodeId: old.NodeID, taskId: old.ID, to: next.NodeID },
      'moving a task off a node under pressure',
    );
  };
  const notice = (change: Change) => {
    if (change.table === 'nodes') {
      losses.note(change.before, change.after, clock());
      strains.note(change.id, change.after, clock());
      if (change.after?.reported.pressures) loop.mark(change.id);
    } else if (change.table === 'tasks') {
      if (!change.before && change.after) noteMove(change.after);
      const freed = strains.noteTask(change.id, change.after, clock());
      if (freed !== undefined) loop.mark(freed);
    }
  };
  const unwatch = store.watch((batch) => {
    for (const change of batch.changes) notice(change);
  });
  for (const node of store.view.nodes.all()) {
    strains.note(node.ID, node, clock());
    if (node.reported.pressures) loop.mark(node.ID);
  }
  // Those that the manager before this one began.
  for (const task of store.view.tasks.all()) noteMove(task);
  return {
    close() {
      unwatch();
      return loop.close();
    },
  };
}
