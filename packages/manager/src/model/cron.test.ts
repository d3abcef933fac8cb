import { describe, expect, it } from 'vitest';
import { lastTime, nextTime, type Schedule, scheduleOf, scheduleTrouble } from './cron.ts';

const at = (text: string): number => Date.parse(text);
const berlin = (expression: string): Schedule => ({
  expression,
  timezone: 'Europe/Berlin',
  overlap: 'skip',
  missed: 'run',
});
const next = (schedule: Schedule, after: string): string =>
  new Date(nextTime(schedule, at(after)) ?? 0).toISOString();

describe('in a time zone with summer time', () => {
  it('what falls into the hour that is left out runs at its end', () => {
    expect(next(berlin('30 2 * * *'), '2026-03-28T02:00Z')).toBe('2026-03-29T01:00:00.000Z');
    expect(next(berlin('30 2 * * *'), '2026-03-29T01:00Z')).toBe('2026-03-30T00:30:00.000Z');
  });

  it('what falls into the hour that comes twice runs once, in the first', () => {
    expect(next(berlin('30 2 * * *'), '2026-10-24T22:00Z')).toBe('2026-10-25T00:30:00.000Z');
    expect(next(berlin('30 2 * * *'), '2026-10-25T00:30Z')).toBe('2026-10-26T01:30:00.000Z');
  });

  it('what runs each half an hour does so in both', () => {
    expect(next(berlin('*/30 * * * *'), '2026-10-25T00:30Z')).toBe('2026-10-25T01:00:00.000Z');
  });
});

it('the last time is one that has come, to the second', () => {
  const schedule = { ...berlin('*/5 * * * *'), timezone: 'UTC' };
  expect(lastTime(schedule, at('2026-01-01T12:05:00.000Z'))).toBe(at('2026-01-01T12:05Z'));
  expect(lastTime(schedule, at('2026-01-01T12:04:59.999Z'))).toBe(at('2026-01-01T12:00Z'));
  expect(nextTime(schedule, at('2026-01-01T12:05:00.000Z'))).toBe(at('2026-01-01T12:10Z'));
});

describe('labels', () => {
  const Mode = { ReplicatedJob: {} };

  it('say nothing where there are none, and the rest is by default', () => {
    expect(scheduleOf({})).toBeUndefined();
    expect(scheduleOf({ 'shoal.cron': '@daily' })).toEqual({
      expression: '@daily',
      timezone: 'UTC',
      overlap: 'skip',
      missed: 'run',
    });
  });

  it.each(['@daily', '@hourly', '0 3 * * mon-fri', '*/10 8-18 * 1,6 *', '0 0 29 2 *'])(
    '%s is fine',
    (cron) => {
      expect(scheduleTrouble({ Labels: { 'shoal.cron': cron }, Mode })).toBeUndefined();
    },
  );

  it.each([
    [{ 'shoal.cron': '* * * *' }, /^Labels\["shoal.cron"\]: must be five fields .*got "\* \* \* \*"$/],
    [{ 'shoal.cron': '* * * * * *' }, /must be five fields/],
    [{ 'shoal.cron': '? 3 * * *' }, /must be five fields/],
    [{ 'shoal.cron': '@reboot' }, /or one of @hourly @daily/],
    [{ 'shoal.cron': '61 * * * *' }, /Invalid value for minute: 61/],
    [{ 'shoal.cron': '0 0 31 2 *' }, /"0 0 31 2 \*" never comes/],
    [
      { 'shoal.cron': '@daily', 'shoal.cron.timezone': 'Mars/North' },
      /^Labels\["shoal.cron.timezone"\]: must be a time zone such as UTC or Europe\/Berlin, got "Mars\/North"$/,
    ],
    [
      { 'shoal.cron': '@daily', 'shoal.cron.overlap': 'wait' },
      /^Labels\["shoal.cron.overlap"\]: must be skip, replace or queue, got "wait"$/,
    ],
    [{ 'shoal.cron': '@daily', 'shoal.cron.missed': 'all' }, /must be run or skip, got "all"$/],
    [{ 'shoal.cron.overlap': 'skip' }, /means nothing without shoal.cron$/],
  ])('%j is refused', (Labels, says) => {
    expect(scheduleTrouble({ Labels, Mode })).toMatch(says);
  });

  it('are for jobs alone', () => {
    expect(scheduleTrouble({ Labels: { 'shoal.cron': '@daily' } })).toMatch(/is for jobs/);
  });
});
