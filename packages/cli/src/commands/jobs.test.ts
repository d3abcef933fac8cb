import { expect, it } from 'vitest';
import { jobLines, runLines } from './jobs.ts';

const schedule = {
  cron: '30 2 * * *',
  timezone: 'Europe/Berlin',
  nextRun: '2026-03-30T00:30:00.000Z',
  queued: null,
  skipped: { at: '2026-03-28T01:30:00.000Z', why: 'the run before it was not over' },
};
const runs = [
  {
    iteration: 1,
    startedAt: '2026-03-29T01:00:00.004Z',
    completed: 2,
    failures: 1,
    error: 'non-zero exit (3)',
  },
  {
    iteration: 0,
    startedAt: '2026-03-27T01:30:00.001Z',
    endedAt: '2026-03-27T01:30:09.000Z',
    completed: 3,
    failures: 0,
  },
];
const nightly = {
  name: 'nightly',
  state: 'running',
  present: { completed: 2, failed: 0, total: 3 },
  schedule,
  runs,
};
const fresh = { name: 'once', state: 'waiting', present: null, schedule: null, runs: [] };

it('a line for each job', () => {
  expect(jobLines([nightly, fresh])).toEqual([
    'NAME     SCHEDULE                  STATE    COMPLETED  LAST RUN              NEXT RUN',
    'nightly  30 2 * * * Europe/Berlin  running  2/3        2026-03-29 01:00:00Z  2026-03-30 00:30:00Z',
    'once     -                         waiting  -          -                     -',
  ]);
});

it('of one job its runs, what was passed over, and what comes next', () => {
  expect(runLines(nightly)).toEqual([
    'next run: 2026-03-30 00:30:00Z',
    'passed over: 2026-03-28 01:30:00Z, as the run before it was not over',
    'RUN  STARTED               ENDED                 COMPLETED  FAILURES  LAST ERROR',
    '1    2026-03-29 01:00:00Z  -                     2          1         non-zero exit (3)',
    '0    2026-03-27 01:30:00Z  2026-03-27 01:30:09Z  3          0',
  ]);
  const queued = { ...schedule, skipped: null, queued: '2026-03-29T01:00:00.000Z' };
  expect(runLines({ ...nightly, schedule: queued })[0]).toBe(
    'next run: once the present one is over (due 2026-03-29 01:00:00Z)',
  );
});
