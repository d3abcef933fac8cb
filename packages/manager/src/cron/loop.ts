import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import { Loop } from '../loop.ts';
import { scheduleOf } from '../model/index.ts';
import type { Change, ReadView, Store, Tx } from '../store/index.ts';
import { cronStep } from './due.ts';

/** So often is looked whether the clock was set: no timer hears of that. */
const lookMs = 60_000;
/** By how much it differs then from what it would show; less is what keeps clocks right. */
const setMs = 1_000;
/** When a look at a schedule fails (a bug), it is tried again after this long, and others go on. */
const retryMs = 60_000;
/** The key under which that is looked at; the others are ids of services. */
const clockKey = '';

export interface CronLoopOptions {
  /** Never jumps: for what is waited for. */
  readonly clock: Clock;
  /** As the host's clock has it now: people mean what their clocks say. */
  readonly timeOfDay: Clock;
  readonly log: Logger;
}

/** Begins the runs of jobs that have a schedule, from now until `close`. */
export function cronLoop(
  store: Store,
  { clock, timeOfDay, log }: CronLoopOptions,
): { close(): Promise<void> } {
  let ahead = timeOfDay() - clock();
  const loop = new Loop({
    clock,
    log,
    act: async (keys, now) => {
      const day = timeOfDay();
      const wasSet = Math.abs(day - now - ahead) > setMs;
      const ids = wasSet ? scheduled(store.view) : [...keys].filter((key) => key !== clockKey);
      const again = ids.length > 0 ? await store.update((tx) => beginDue(tx, ids, day, log), 'cron') : [];
      ahead = day - now;
      return new Map([[clockKey, now + lookMs], ...[...again].map(([id, at]) => [id, at - ahead] as const)]);
    },
  });
  const unwatch = store.watch(({ changes }) => {
    for (const change of changes) for (const id of affected(store.view, change)) loop.mark(id);
  });
  for (const key of [clockKey, ...scheduled(store.view)]) loop.mark(key);
  return {
    close: async () => {
      unwatch();
      await loop.close();
    },
  };
}

const scheduled = (view: ReadView): string[] =>
  [...view.services.all()].filter(({ Spec }) => scheduleOf(Spec.Labels)).map(({ ID }) => ID);

/** `now` is the time of day; returns when it will be time to look again, by the same clock. */
function beginDue(tx: Tx, serviceIds: Iterable<string>, now: number, log: Logger): Map<string, number> {
  const again = new Map<string, number>();
  for (const id of serviceIds) {
    const service = tx.services.get(id);
    if (!service) continue;
    try {
      const step = cronStep(service, tx.tasks.by('service', id), tx.nodes, now);
      if (step.service && !isDeepStrictEqual(step.service, service)) tx.services.update(step.service);
      if (step.wait?.until !== undefined) again.set(id, step.wait.until);
    } catch (error) {
      log.error({ err: error, serviceId: id }, 'no decision about a schedule, trying again');
      again.set(id, now + retryMs);
    }
  }
  return again;
}

/** Ids of services to look at. What is queued waits for tasks of the run before it. */
function affected(view: ReadView, change: Change): readonly string[] {
  if (change.table === 'services')
    return change.after && scheduleOf(change.after.Spec.Labels) ? [change.id] : [];
  if (change.table !== 'tasks') return [];
  const service = view.services.get((change.after ?? change.before)?.ServiceID ?? '');
  return service?.shoal.cron?.queued === undefined ? [] : [service.ID];
}
