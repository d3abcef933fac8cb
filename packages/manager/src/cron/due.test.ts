import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { iterationOf, type Service, type Task } from '../model/index.ts';
import { aNode, aService, aTask } from '../testing.ts';
import { cronStep } from './due.ts';

const minute = 60_000;
const noon = Date.UTC(2026, 0, 1, 12);
const nodes = { get: () => aNode('n1'), all: () => [aNode('n1')] };

const aJob = (labels: Record<string, string> = {}, change: Partial<Service> = {}): Service =>
  aService('job', {
    Spec: {
      Name: 'job',
      Labels: { 'shoal.cron': '*/10 * * * *', ...labels },
      Mode: { ReplicatedJob: {} },
    },
    JobStatus: { JobIteration: { Index: 0 } },
    shoal: { specVersion: 1, cron: { since: noon } },
    ...change,
  });

/** The service as it is after a look at that time. */
const after = (service: Service, at: number, tasks: readonly Task[] = []): Service =>
  cronStep(service, tasks, nodes, at).service ?? service;

const running: Task = aTask('t', {
  Slot: 0,
  NodeID: 'n1',
  Status: { State: 'running' },
  shoal: { specVersion: 1, ports: [], iteration: 0 },
});
const done: Task = aTask('t', {
  Slot: 0,
  NodeID: 'n1',
  DesiredState: 'shutdown',
  Status: { State: 'complete' },
  shoal: { specVersion: 1, ports: [], iteration: 0 },
});

describe('a scheduled job', () => {
  it('begins when it is due, not before, and not twice', () => {
    const service = aJob();
    const early = cronStep(service, [], nodes, noon + 9 * minute);
    expect(early).toEqual({ wait: expect.objectContaining({ until: noon + 10 * minute }) });
    const begun = after(service, noon + 10 * minute + 5);
    expect(begun.JobStatus).toEqual({
      JobIteration: { Index: 0 },
      LastExecution: '2026-01-01T12:10:00.005Z',
    });
    expect(cronStep(begun, [done], nodes, noon + 11 * minute).service).toBeUndefined();
    expect(iterationOf(after(begun, noon + 20 * minute, [done]))).toBe(1);
  });

  it('begins once for all that was missed while no manager was there, or not at all', () => {
    const late = noon + 65 * minute;
    expect(iterationOf(after(aJob(), late))).toBe(0);
    const skipped = after(aJob({ 'shoal.cron.missed': 'skip' }), late);
    expect(iterationOf(skipped)).toBeUndefined();
    expect(skipped.shoal.cron).toEqual({
      since: noon + 60 * minute,
      skipped: { at: noon + 60 * minute, why: 'no manager was there to begin it' },
    });
  });

  describe('while the run before is not over', () => {
    const begun = (overlap: string) => after(aJob({ 'shoal.cron.overlap': overlap }), noon + 10 * minute);
    const due = noon + 20 * minute;

    it('is passed over, and says so', () => {
      const next = after(begun('skip'), due, [running]);
      expect(iterationOf(next)).toBe(0);
      expect(next.shoal.cron?.skipped).toEqual({ at: due, why: 'the run before it was not over' });
    });

    it('replaces it', () => expect(iterationOf(after(begun('replace'), due, [running]))).toBe(1));

    it('waits for it, as one however often it is due, and is not late then', () => {
      const service = begun('queue');
      const missed = { ...service.Spec.Labels, 'shoal.cron.missed': 'skip' };
      const queued = after({ ...service, Spec: { ...service.Spec, Labels: missed } }, due, [running]);
      expect(iterationOf(queued)).toBe(0);
      const later = after(queued, due + 15 * minute, [running]);
      expect(later.shoal.cron).toEqual({ since: due + 10 * minute, queued: due });
      const next = after(later, due + 16 * minute, [done]);
      expect(iterationOf(next)).toBe(1);
      expect(next.shoal.cron).toEqual({ since: due + 10 * minute });
    });
  });

  it('goes by the clock when that was set back by hours', () => {
    const ahead = aJob({}, { shoal: { specVersion: 1, cron: { since: noon + 300 * minute } } });
    const known = after(ahead, noon + minute);
    expect(known.shoal.cron).toEqual({ since: noon + minute, former: noon + 300 * minute });
    const begun = after(known, noon + 10 * minute);
    expect(iterationOf(begun)).toBe(0);
    const walked = {
      ...begun,
      shoal: { ...begun.shoal, cron: { ...begun.shoal.cron, since: noon + 290 * minute } },
    };
    expect(iterationOf(after(walked, noon + 300 * minute, [done]))).toBe(1);
  });

  it('begins nothing again when a clock that was wrong since the boot is set right', () => {
    const before = aJob({}, { shoal: { specVersion: 1, cron: { since: noon + 300 * minute } } });
    const booted = after(before, noon + minute);
    const right = after(booted, noon + 309 * minute);
    expect(iterationOf(right)).toBeUndefined();
    expect(right.shoal.cron).toEqual({ since: noon + 300 * minute });
    expect(iterationOf(after(right, noon + 310 * minute))).toBe(0);
  });
});

/** Nothing of it has to complete, so each run is over at once. */
const over: Service = {
  ...aJob(),
  Spec: { ...aJob().Spec, Mode: { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 0 } } },
};

it('however seldom is looked, no due time begins two runs, and the last one is never forgotten', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 * minute }), { minLength: 1, maxLength: 30 }),
      (steps) => {
        let [service, now] = [over, noon];
        for (const ms of steps) {
          now += ms;
          const tens = Math.floor((now - noon) / (10 * minute));
          const before = iterationOf(service) ?? -1;
          service = after(service, now);
          expect((iterationOf(service) ?? -1) - before).toBeLessThanOrEqual(1);
          expect((iterationOf(service) ?? -1) + 1).toBeLessThanOrEqual(tens);
          if (tens > 0) expect(service.shoal.cron?.since).toBe(noon + tens * 10 * minute);
        }
      },
    ),
    { numRuns: 30 },
  );
});
