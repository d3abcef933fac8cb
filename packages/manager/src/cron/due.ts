import { isoTime } from '../effects.ts';
import {
  type CronState,
  lastTime,
  nextRun,
  nextTime,
  type Service,
  scheduleOf,
  type Task,
  type Wait,
  waitOf,
} from '../model/index.ts';
import { isOver, type Nodes, runOf } from '../services/index.ts';

/** A run that begins later than this after it was due was missed: nobody was there to begin it. */
const lateMs = 60_000;
/** A clock that is set back by more than this is taken at its word. */
const setBackMs = 60 * 60_000;

/** What becomes of a job's schedule now: the service as it has to be written, if so, and what it waits for. */
export interface CronStep {
  readonly service?: Service;
  readonly wait?: Wait;
}

/**
 * Begins the run of a job that is due. What was due several times is begun once. `tasks`: all of the service; `now` is the time of
 * day, in ms since the epoch.
 */
export function cronStep(service: Service, tasks: readonly Task[], nodes: Nodes, now: number): CronStep {
  const schedule = scheduleOf(service.Spec.Labels);
  if (!schedule || service.shoal.removing) return {};
  const state = present(service.shoal.cron, now);
  const next = nextTime(schedule, state.since);
  const isDue = next !== undefined && next <= now;
  const due = isDue ? lastTime(schedule, now) : undefined;
  const queued = state.queued ?? due;
  const wait = waiting(service, isDue ? nextTime(schedule, now) : next);
  if (queued === undefined)
    return { ...(state !== service.shoal.cron && { service: withCron(service, state) }), ...wait };
  const since = Math.max(state.since, due ?? 0);
  const { queued: _, ...rest } = state;
  const skip = (why: string): CronStep => ({
    service: withCron(service, { ...rest, since, skipped: { at: queued, why } }),
    ...wait,
  });
  // What was queued has been waiting for the run before it, not for a manager.
  if (state.queued === undefined && now - queued > lateMs && schedule.missed === 'skip')
    return skip('no manager was there to begin it');
  const run = runOf(service, tasks, nodes, now);
  if (run && !isOver(run) && schedule.overlap !== 'replace') {
    if (schedule.overlap === 'skip') return skip('the run before it was not over');
    return { service: withCron(service, { ...state, since, queued }), ...wait };
  }
  return {
    service: { ...withCron(service, { ...rest, since }), JobStatus: nextRun(service, isoTime(now)) },
    ...wait,
  };
}

/**
 * Where nothing is known yet the schedule begins now. A clock that is set back may be right now, or may only not have been set since
 * its host was booted: then it jumps, and is not seen to come where it was.
 */
function present(state: CronState | undefined, now: number): CronState {
  if (!state) return { since: now };
  const { former, ...rest } = state;
  if (former !== undefined && former + lateMs < now) return { ...rest, since: Math.max(rest.since, former) };
  if (state.since <= now + setBackMs) return state;
  return { ...rest, since: now, former: Math.max(state.since, former ?? 0) };
}

function withCron(service: Service, cron: CronState): Service {
  return { ...service, shoal: { ...service.shoal, cron } };
}

const waiting = ({ ID }: Service, at: number | undefined): Pick<CronStep, 'wait'> =>
  at === undefined ? {} : { wait: waitOf('service', ID, 'its next run', at) };
