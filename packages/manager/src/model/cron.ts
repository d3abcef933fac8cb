import { Cron } from 'croner';
import { isJob } from './job.ts';
import { cronLabel, cronMissedLabel, cronOverlapLabel, cronTimezoneLabel } from './labels.ts';
import type { ServiceSpec } from './service.ts';

type Labels = Readonly<Record<string, string>>;

/** What becomes of a run that is due while the one before is not over. */
const overlaps = ['skip', 'replace', 'queue'] as const;
/** What becomes of runs that were due while no manager was there to begin them. */
const misseds = ['run', 'skip'] as const;
const nicknames = ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'];

/** When a job runs, by its labels. */
export interface Schedule {
  /** Five fields, or a nickname such as `@daily`. */
  readonly expression: string;
  /** An IANA name such as `Europe/Berlin`. */
  readonly timezone: string;
  readonly overlap: (typeof overlaps)[number];
  readonly missed: (typeof misseds)[number];
}

/** Undefined when there is no `shoal.cron`. The labels have been checked before. */
export function scheduleOf(labels: Labels | null | undefined): Schedule | undefined {
  const expression = labels?.[cronLabel];
  if (expression === undefined) return undefined;
  return {
    expression,
    timezone: labels?.[cronTimezoneLabel] ?? 'UTC',
    overlap: overlaps.find((one) => one === labels?.[cronOverlapLabel]) ?? 'skip',
    missed: misseds.find((one) => one === labels?.[cronMissedLabel]) ?? 'run',
  };
}

/** Croner's rule for the change to summer time: what falls into the hour that is left out runs at its end, once. */
const cronOf = ({ expression, timezone }: Schedule): Cron =>
  new Cron(expression, { timezone, mode: '5-part', paused: true });

/** The first time that is later than `after`, both in ms since the epoch; undefined when there is none. */
export const nextTime = (schedule: Schedule, after: number): number | undefined =>
  cronOf(schedule).nextRun(new Date(after))?.getTime();

/** The last time that is not later than `now`, both in ms since the epoch; undefined when there is none. */
export const lastTime = (schedule: Schedule, now: number): number | undefined =>
  // Croner leaves out the second it is given.
  cronOf(schedule)
    .previousRuns(1, new Date(now + 1_000))[0]
    ?.getTime();

/** What is wrong with the first label about a schedule; undefined when all is well. */
export function scheduleTrouble({ Labels, Mode }: ServiceSpec): string | undefined {
  const schedule = scheduleOf(Labels);
  const at = (label: string) => `Labels["${label}"]`;
  if (!schedule) {
    const idle = [cronTimezoneLabel, cronOverlapLabel, cronMissedLabel].find(
      (label) => Labels?.[label] !== undefined,
    );
    return idle && `${at(idle)}: means nothing without ${cronLabel}`;
  }
  if (!isJob({ Mode }))
    return `${at(cronLabel)}: is for jobs; set Mode.ReplicatedJob or Mode.GlobalJob (--mode replicated-job)`;
  return (
    notOneOf(Labels, cronOverlapLabel, overlaps) ??
    notOneOf(Labels, cronMissedLabel, misseds) ??
    (isTimezone(schedule.timezone)
      ? undefined
      : `${at(cronTimezoneLabel)}: must be a time zone such as UTC or Europe/Berlin, got "${schedule.timezone}"`) ??
    expressionTrouble(schedule)
  );
}

function notOneOf(
  labels: Labels | null | undefined,
  label: string,
  allowed: readonly string[],
): string | undefined {
  const value = labels?.[label];
  if (value === undefined || allowed.includes(value)) return undefined;
  return `Labels["${label}"]: must be ${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}, got "${value}"`;
}

function isTimezone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

function expressionTrouble(schedule: Schedule): string | undefined {
  const { expression } = schedule;
  const what = `Labels["${cronLabel}"]: `;
  const form =
    `must be five fields (minute, hour, day, month, day of the week) such as "30 2 * * *", or one of ` +
    `${nicknames.join(' ')}, got "${expression}"`;
  // What `?` stands for depends on the library.
  const isForm = nicknames.includes(expression) || /^[^@?\s]+( +[^?\s]+){4}$/.test(expression);
  if (!isForm) return what + form;
  try {
    // There are no years in it: what comes at all, comes after any moment.
    if (nextTime(schedule, 0) === undefined) return `${what}"${expression}" never comes`;
  } catch (error) {
    return `${what}${form}: ${error instanceof Error ? error.message.replace(/^CronPattern: /, '') : error}`;
  }
  return undefined;
}
