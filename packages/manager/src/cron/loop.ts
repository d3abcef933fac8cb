import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import { Loop } from '../loop.ts';
import { scheduleOf } from '../model/index.ts';
import type { Change, ReadView, Store, Tx } from '../store/index.ts';
import { cronStep } from './due.ts';

/** So often at least is looked at the clock: it may be set, and no timer hears of that. */
const lookMs = 60_000;

export interface CronLoopOptions {
  /** The time of day, unlike the clock of the other loops: people mean what their clocks say. */
  readonly timeOfDay: Clock;
  readonly log: Logger;
}

/** Begins the runs of jobs that have a schedule, from now until `close`. */
export function cronLoop(store: Store, { timeOfDay, log }: CronLoopOptions): { close(): Promise<void> } {
  const loop = new Loop({
    clock: timeOfDay,
    log,
    act: (serviceIds, now) => store.update((tx) => beginDue(tx, serviceIds, now), 'cron'),
  });
  const unwatch = store.watch(({ changes }) => {
    for (const change of changes) for (const id of affected(store.view, change)) loop.mark(id);
  });
  for (const { ID, Spec } of store.view.services.all()) if (scheduleOf(Spec.Labels)) loop.mark(ID);
  return {
    close: async () => {
      unwatch();
      await loop.close();
    },
  };
}

/** Returns when to look again. */
function beginDue(tx: Tx, serviceIds: Iterable<string>, now: number): Map<string, number> {
  const wakeUps = new Map<string, number>();
  for (const id of serviceIds) {
    const service = tx.services.get(id);
    if (!service) continue;
    const step = cronStep(service, tx.tasks.by('service', id), tx.nodes, now);
    if (step.service && !isDeepStrictEqual(step.service, service)) tx.services.update(step.service);
    const { until } = step.wait ?? {};
    if (until !== undefined) wakeUps.set(id, Math.min(until, now + lookMs));
  }
  return wakeUps;
}

/** Ids of services to look at. What is queued waits for tasks of the run before it. */
function affected(view: ReadView, change: Change): readonly string[] {
  if (change.table === 'services')
    return change.after && scheduleOf(change.after.Spec.Labels) ? [change.id] : [];
  if (change.table !== 'tasks') return [];
  const service = view.services.get((change.after ?? change.before)?.ServiceID ?? '');
  return service?.shoal.cron?.queued === undefined ? [] : [service.ID];
}
