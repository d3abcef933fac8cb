import type { ContainerInspectInfo } from 'dockerode';
import { describe, expect, it } from 'vitest';
import { checkOf, healthOf } from './health.ts';

const startedAt = '2026-01-01T00:00:10.5Z';
const probe = (ExitCode: number, Output = '', Start = '2026-01-01T00:00:12.123456789Z') => ({
  Start,
  End: Start,
  ExitCode,
  Output,
});

/** The part of Docker's answer that is read. */
function inspected(Health: object | undefined, retries?: number): ContainerInspectInfo {
  const Config = { ...(retries !== undefined && { Healthcheck: { Retries: retries } }) };
  return { State: { StartedAt: startedAt, Health }, Config } as ContainerInspectInfo;
}

describe('the health of a container', () => {
  it.each<[string, object | undefined, number | undefined, string]>([
    ['without a check', undefined, undefined, 'none'],
    ['whose check is switched off', { Status: 'none', FailingStreak: 0, Log: null }, undefined, 'none'],
    ['not probed yet', { Status: 'starting', FailingStreak: 0, Log: null }, 0, 'starting'],
    ['that passed', { Status: 'healthy', FailingStreak: 0, Log: [probe(0)] }, 0, 'healthy'],
    [
      'that failed as often as it may',
      { Status: 'unhealthy', FailingStreak: 2, Log: [probe(1)] },
      2,
      'unhealthy',
    ],
    ['that failed three times', { Status: 'unhealthy', FailingStreak: 3, Log: [probe(1)] }, 0, 'unhealthy'],
    [
      'that passed and is not probed any more',
      { Status: 'unhealthy', FailingStreak: 0, Log: [probe(0)] },
      0,
      'healthy',
    ],
    [
      'that failed less often than it may and is not probed any more',
      { Status: 'unhealthy', FailingStreak: 2, Log: [probe(0), probe(1), probe(1)] },
      3,
      'healthy',
    ],
    ['that was never probed', { Status: 'unhealthy', FailingStreak: 0, Log: null }, 0, 'starting'],
    [
      'that passed in an earlier life only',
      { Status: 'unhealthy', FailingStreak: 0, Log: [probe(0, '', '2026-01-01T00:00:09Z')] },
      0,
      'starting',
    ],
  ])('%s', (_name, health, retries, expected) => {
    expect(healthOf(inspected(health, retries)).health).toBe(expected);
  });

  it('comes with the newest probe since it was started', () => {
    const earlier = probe(1, 'from before', '2026-01-01T00:00:09Z');
    const Log = [earlier, probe(0), probe(22, 'HTTP 503\n')];
    expect(healthOf(inspected({ Status: 'healthy', FailingStreak: 1, Log })).lastProbe).toEqual({
      exitCode: 22,
      output: 'HTTP 503\n',
    });
    expect(healthOf(inspected({ Status: 'starting', FailingStreak: 0, Log: [earlier] }))).not.toHaveProperty(
      'lastProbe',
    );
  });
});

describe('the check of a container', () => {
  const of = (Healthcheck: object | undefined, Shell?: string[]) =>
    checkOf({ Config: { Healthcheck, Shell } } as unknown as ContainerInspectInfo);

  it.each([
    [undefined],
    [{ Test: [] }],
    [{ Test: ['NONE'] }],
    [{ Test: ['CMD'] }],
    [{ Test: ['HTTP', '/'] }],
  ])('%j is none', (check) => {
    expect(of(check)).toBeUndefined();
  });

  it("has Docker's own default times", () => {
    expect(of({ Test: ['CMD', 'check', '-v'] })).toEqual({
      command: ['check', '-v'],
      intervalMs: 30_000,
      timeoutMs: 30_000,
      startIntervalMs: 0,
      daemonStarts: false,
    });
  });

  it('runs in a shell, the one of its image if that names one', () => {
    const check = { Test: ['CMD-SHELL', 'a && b'], Interval: 2e9, Timeout: 5e8 };
    expect(of(check)).toMatchObject({
      command: ['/bin/sh', '-c', 'a && b'],
      intervalMs: 2_000,
      timeoutMs: 500,
    });
    expect(of(check, ['/bin/bash', '-ec'])?.command).toEqual(['/bin/bash', '-ec', 'a && b']);
  });

  it('has times that a timer takes', () => {
    const check = { Test: ['CMD', 'check'], Interval: 1_500_000, Timeout: 1e18 };
    expect(of(check)).toMatchObject({ intervalMs: 2, timeoutMs: 2 ** 31 - 1 });
  });

  it('is run often by the daemon itself within its start period', () => {
    const check = { Test: ['CMD', 'check'], StartInterval: 1e9 };
    expect(of(check)).toMatchObject({ startIntervalMs: 1_000, daemonStarts: false });
    expect(of({ ...check, StartPeriod: 1e9 })).toMatchObject({ startIntervalMs: 1_000, daemonStarts: true });
  });
});
