import { Argument, Command } from 'commander';
import type { GlobalOptions } from '../global-options.ts';
import { namedManager } from '../manager/index.ts';
import { columns } from '../table.ts';

interface Run {
  readonly iteration: number;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly completed: number;
  readonly failures: number;
  readonly error?: string;
}

interface Job {
  readonly name: string;
  readonly state: string;
  readonly present: { readonly completed: number; readonly failed: number; readonly total: number } | null;
  readonly schedule: {
    readonly cron: string;
    readonly timezone: string;
    readonly nextRun: string | null;
    readonly queued: string | null;
    readonly skipped: { readonly at: string; readonly why: string } | null;
  } | null;
  readonly runs: readonly Run[];
}

export function jobsCommand(): Command {
  return new Command('jobs')
    .description('Jobs: how their last run went and when the next one comes; of one, its runs so far.')
    .addArgument(new Argument('[name]', 'of one job'))
    .exitOverride()
    .action(async (name: string | undefined, _flags: object, at: Command) => {
      const options = at.optsWithGlobals<GlobalOptions>();
      const manager = namedManager(options);
      const jobs =
        name === undefined
          ? await manager.ask<Job[]>('GET', '/shoal/v1/jobs')
          : [await manager.ask<Job>('GET', `/shoal/v1/jobs/${encodeURIComponent(name)}`)];
      const lines =
        options.format === 'json'
          ? jobs.map((job) => JSON.stringify(job))
          : name === undefined
            ? jobLines(jobs)
            : jobs.flatMap(runLines);
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    });
}

/** A line for each job, under a head. */
export const jobLines = (jobs: readonly Job[]): string[] =>
  columns([
    ['NAME', 'SCHEDULE', 'STATE', 'COMPLETED', 'LAST RUN', 'NEXT RUN'],
    ...jobs.map(({ name, schedule, state, present, runs }) => [
      name,
      schedule ? `${schedule.cron} ${schedule.timezone}` : '-',
      state,
      present ? `${present.completed}/${present.total}` : '-',
      time(runs[0]?.startedAt),
      time(schedule?.queued ?? schedule?.nextRun),
    ]),
  ]);

/** What is worth knowing of one job, and a line for each of its runs. */
export function runLines({ schedule, runs }: Job): string[] {
  const about = schedule
    ? [
        `next run: ${schedule.queued ? `once the present one is over (due ${time(schedule.queued)})` : time(schedule.nextRun)}`,
        ...(schedule.skipped
          ? [`passed over: ${time(schedule.skipped.at)}, as ${schedule.skipped.why}`]
          : []),
      ]
    : [];
  const rows = runs.map(({ iteration, startedAt, endedAt, completed, failures, error }) => [
    String(iteration),
    time(startedAt),
    time(endedAt),
    String(completed),
    String(failures),
    error ?? '',
  ]);
  return [
    ...about,
    ...columns([['RUN', 'STARTED', 'ENDED', 'COMPLETED', 'FAILURES', 'LAST ERROR'], ...rows]),
  ];
}

const time = (at: string | null | undefined): string => (at ? `${at.slice(0, 19).replace('T', ' ')}Z` : '-');
