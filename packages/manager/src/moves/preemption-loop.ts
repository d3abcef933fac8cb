import { Loop } from '../loop.ts';
import { pendingReasonsOf, priorityOf, type Task } from '../model/index.ts';
import { ClusterState, contestable, preemptions } from '../scheduler/index.ts';
import type { OrchestratorOptions } from '../services/index.ts';
import type { ReadView, Store, Tx } from '../store/index.ts';

/** Tasks that find no node come together. */
const gatherMs = 500;
/** Tasks that wait are looked at again after this time, whatever made room for victims. */
const retryMs = 30_000;
const key = 'tasks';

/**
 * Where tasks wait for room that others of a lower `shoal.priority` have, these stop, as every stop goes. The orchestrator
 * gives them successors, and the scheduler gives the room to who has the higher priority.
 */
export function preemptionLoop(
  store: Store,
  { clock, log }: Omit<OrchestratorOptions, 'ids'>,
): { close(): Promise<void> } {
  const loop = new Loop({
    clock,
    log,
    gatherMs,
    act: async (_, now) => {
      if (waitingForRoom(store.view).length === 0) return undefined;
      const made = await store.updateOnView((tx) => preempt(tx, now), 'moves');
      for (const { nodeId, forTask, victims } of made)
        log.info(
          { nodeId, forTask, taskIds: victims.map(({ ID }) => ID) },
          'tasks make way for a higher priority',
        );
      return new Map([[key, now + retryMs]]);
    },
  });
  const unwatch = store.watch(({ changes }) => {
    for (const change of changes) {
      if (change.table === 'services' ? change.after : change.table === 'tasks' && isNews(change))
        loop.mark(key);
    }
  });
  loop.mark(key);
  return {
    close() {
      unwatch();
      return loop.close();
    },
  };
}

/** It waits for a node for other reasons than before. */
const isNews = ({ before, after }: { before: Task | undefined; after: Task | undefined }): boolean =>
  after !== undefined && after.unplaced !== undefined && before?.unplaced !== after.unplaced;

/** Asks those to stop that have to; says who, for whom. */
export function preempt(tx: Tx, now: number) {
  const waiting = waitingForRoom(tx);
  if (waiting.length === 0) return [];
  const made = preemptions(ClusterState.from(tx), waiting, (id) => tx.tasks.by('node', id), { now, seed: 0 });
  for (const victim of made.flatMap(({ victims }) => victims))
    tx.tasks.update({
      ...victim,
      DesiredState: 'shutdown',
      shoal: { ...victim.shoal, stopReason: 'preempted' },
    });
  return made;
}

/** Tasks that lack room, and are not of the least important there are: none, where all are equal. */
function waitingForRoom(view: ReadView): Task[] {
  const services = [...view.services.all()].map(({ ID, Spec }) => ({
    ID,
    priority: priorityOf(Spec.Labels),
  }));
  const lowest = services.reduce(
    (least, { priority }) => Math.min(least, priority),
    Number.POSITIVE_INFINITY,
  );
  return services
    .filter(({ priority }) => priority > lowest)
    .flatMap(({ ID }) => view.tasks.by('service', ID))
    .filter((task) => pendingReasonsOf(task)?.some(({ filter }) => contestable.has(filter)));
}
