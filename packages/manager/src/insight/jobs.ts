import { isoTime } from '../effects.ts';
import {
  isTerminal,
  iterationOf,
  modeOf,
  nextTime,
  type Service,
  scheduleOf,
  slotKey,
  stateOf,
  stateSince,
  type Task,
} from '../model/index.ts';
import { isOver, type JobRun, runOf } from '../services/index.ts';
import type { ReadView } from '../store/index.ts';

/** One run of a job, as far as the history of tasks has kept it. Times in ISO 8601. */
interface Run {
  readonly iteration: number;
  readonly startedAt: string;
  /** Absent while tasks of it are not over. */
  readonly endedAt?: string;
  /** Tasks that have done their work; an attempt that failed and was followed by one that did counts as completed. */
  readonly completed: number;
  /** Attempts that did not. */
  readonly failures: number;
  /** Of the last attempt that failed: why. */
  readonly error?: string;
}

/** How a job stands, for people and programs. Times in ISO 8601. */
export interface JobReport {
  readonly id: string;
  readonly name: string;
  readonly mode: string;
  /** Of the present run. `waiting`: it has not run yet. `failed`: not all of its tasks complete, and no more are tried. */
  readonly state: 'waiting' | 'running' | 'complete' | 'failed';
  readonly present: JobRun | null;
  readonly schedule: {
    readonly cron: string;
    readonly timezone: string;
    readonly overlap: string;
    readonly missed: string;
    /** Null when none comes. */
    readonly nextRun: string | null;
    /** When the run was due that begins once the present one is over. */
    readonly queued: string | null;
    /** The last run that was passed over. */
    readonly skipped: { readonly at: string; readonly why: string } | null;
  } | null;
  /** Newest first. */
  readonly runs: readonly Run[];
}

/** `now`: the time of day, in ms since the epoch. */
export function jobReport(view: ReadView, service: Service, now: number): JobReport {
  const tasks = view.tasks.by('service', service.ID);
  const run = runOf(service, tasks, view.nodes, now);
  return {
    id: service.ID,
    name: service.Spec.Name ?? '',
    mode: modeOf(service.Spec),
    state: !run ? 'waiting' : !isOver(run) ? 'running' : run.failed > 0 ? 'failed' : 'complete',
    present: run ?? null,
    schedule: scheduleReport(service, now),
    runs: runsOf(service, tasks),
  };
}

function scheduleReport({ Spec, shoal }: Service, now: number): JobReport['schedule'] {
  const schedule = scheduleOf(Spec.Labels);
  if (!schedule) return null;
  const { expression: cron, timezone, overlap, missed } = schedule;
  const next = nextTime(schedule, now);
  const { queued, skipped } = shoal.cron ?? {};
  return {
    ...{ cron, timezone, overlap, missed },
    nextRun: next === undefined ? null : isoTime(next),
    queued: queued === undefined ? null : isoTime(queued),
    skipped: skipped ? { at: isoTime(skipped.at), why: skipped.why } : null,
  };
}

function runsOf(service: Service, tasks: readonly Task[]): Run[] {
  const byIteration = Map.groupBy(tasks, ({ shoal }) => shoal.iteration ?? -1);
  return [...byIteration]
    .filter(([iteration]) => iteration >= 0)
    .sort(([a], [b]) => b - a)
    .map(([iteration, attempts]) => aRun(service, iteration, attempts));
}

function aRun(service: Service, iteration: number, attempts: readonly Task[]): Run {
  const states = attempts.map((task) => ({ task, state: stateOf(task), at: stateSince(task) }));
  const done = states.filter(({ state }) => state === 'complete');
  const failures = states.filter(({ state }) => state === 'failed' || state === 'rejected');
  const [last] = failures.toSorted((a, b) => (a.at < b.at ? 1 : -1));
  const isUnderWay = states.some(({ state }) => !isTerminal(state));
  const ends = states.map(({ at }) => at).sort();
  const began = attempts.map(({ CreatedAt }) => CreatedAt).sort();
  return {
    iteration,
    startedAt: (iteration === iterationOf(service) && service.JobStatus?.LastExecution) || (began[0] ?? ''),
    ...(!isUnderWay && { endedAt: ends.at(-1) ?? '' }),
    completed: new Set(done.map(({ task }) => slotKey(task))).size,
    failures: failures.length,
    ...(last?.task.observed?.err !== undefined && { error: last.task.observed.err }),
  };
}
