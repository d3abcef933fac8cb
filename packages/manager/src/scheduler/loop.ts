import { isDeepStrictEqual } from 'node:util';
import { Loop, type LoopOptions } from '../loop.ts';
import { type Node, restLeftMs } from '../model/index.ts';
import type { Change, ChangeBatch, Store, Tx } from '../store/index.ts';
import { ClusterState } from './cluster-state.ts';
import { volumesLeftBehind } from './left-behind.ts';
import { assignedTask, waitingTask } from './outcome.ts';
import { type Schedule, schedule } from './schedule.ts';
import { isPending, occupies } from './task-load.ts';

/** Tasks of one service appear together and form one group; those of many services get rounds together. */
const paceMs = 5;
/** Waiting tasks are looked at again after this time even if nothing seems to have changed. */
const retryMs = 30_000;
const key = 'tasks';

export interface SchedulerLoopOptions extends Pick<LoopOptions, 'clock' | 'log'> {
  /** Decides between nodes that are equal in every score. */
  readonly seed?: number;
}

/**
 * Gives every pending task a node, or the reasons why there is none. What is pending follows from the store
 * alone: a task that fits nowhere stays pending there and is tried again whenever room may have appeared.
 */
export function schedulerLoop(store: Store, options: SchedulerLoopOptions): { close(): Promise<void> } {
  const { clock, log, seed } = options;
  const state = ClusterState.from(store.view);
  const loop = new Loop({
    clock,
    log,
    paceMs,
    act: async (_, now) => {
      if (state.pending.size === 0) return undefined;
      // `state` follows the view, so that here it equals what `tx` reads.
      const round = await store.updateOnView((tx) => placePending(tx, state, now, seed), 'scheduler');
      log.debug({ placed: round.placed.length, pending: round.pending.length }, 'scheduled');
      return state.pending.size > 0 ? new Map([[key, retryAt(state, now)]]) : undefined;
    },
  });
  const unwatch = store.watch((batch) => {
    state.apply(batch);
    if (state.pending.size > 0 && mayPlace(batch, state)) loop.mark(key);
  });
  loop.mark(key);
  return {
    close() {
      unwatch();
      return loop.close();
    },
  };
}

/** One round: a node, or a reason, for every task that waits. `state` equals what `tx` reads; `now` in ms since the epoch. */
export function placePending(tx: Tx, state: ClusterState, now: number, seed = 0): Schedule {
  const result = schedule(state, state.pending.values(), { now, seed });
  record(tx, result, now);
  return result;
}

/** When to look again although nothing changes: at the latest when the next node has rested. */
function retryAt({ nodes }: ClusterState, now: number): number {
  const rests = [...nodes.values()]
    .map(({ node }) => (node ? restLeftMs(node, now) : 0))
    .filter((ms) => ms > 0);
  return now + Math.min(retryMs, ...rests);
}

/** Whether the changes bring new work, or room for old. */
function mayPlace({ changes }: ChangeBatch, { affinities }: ClusterState): boolean {
  return changes.some((change) => {
    if (change.table === 'tasks')
      return newWork(change) || freesRoom(change) || (affinities.any && isPlacedNow(change));
    if (change.table === 'services') return mayGoElsewhere(change);
    return change.table === 'nodes' && change.after !== undefined && differs(change.before, change.after);
  });
}

/** Labels, or which node has its volumes. */
const mayGoElsewhere = ({ before, after }: Extract<Change, { table: 'services' }>): boolean =>
  before !== undefined &&
  after !== undefined &&
  (before.Spec.Labels !== after.Spec.Labels || before.shoal.volumes !== after.shoal.volumes);

type TaskChange = Extract<Change, { table: 'tasks' }>;

/** The scheduler's own notes on a waiting task are not news. */
const newWork = ({ before, after }: TaskChange): boolean =>
  after !== undefined &&
  isPending(after) &&
  !(before && isPending(before) && before.Spec === after.Spec && before.NodeID === after.NodeID);

/** What goes beside it may be placed then. */
const isPlacedNow = ({ before, after }: TaskChange): boolean =>
  after?.placement !== undefined && before?.placement === undefined;

const freesRoom = ({ before, after }: TaskChange): boolean =>
  before !== undefined &&
  occupies(before) &&
  (!after || !occupies(after) || before.DesiredState !== after.DesiredState || before.Spec !== after.Spec);

/** Whether a node may take other tasks than before. Its images make no difference to that. */
const differs = (before: Node | undefined, after: Node): boolean =>
  before === undefined ||
  before.Spec !== after.Spec ||
  before.judged !== after.judged ||
  before.flapping !== after.flapping ||
  before.allotted !== after.allotted ||
  !isDeepStrictEqual({ ...before.reported, images: [] }, { ...after.reported, images: [] });

/** Writes what was decided; a task whose reasons to wait are the same as before is left alone. */
function record(tx: Tx, { placed, pending }: Schedule, now: number): void {
  for (const placement of placed) {
    const task = tx.tasks.get(placement.taskId);
    if (!task) continue;
    const leftBehind = volumesLeftBehind(tx, task, placement.nodeId);
    tx.tasks.update(assignedTask(task, placement, now, leftBehind));
  }
  for (const unplaced of pending) {
    const task = tx.tasks.get(unplaced.taskId);
    const waiting = task && waitingTask(task, unplaced, now);
    if (waiting) tx.tasks.update(waiting);
  }
}
