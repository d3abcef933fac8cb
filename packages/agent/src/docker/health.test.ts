import type { ContainerInspectInfo } from 'dockerode';
import { describe, expect, it } from 'vitest';
import { healthOf } from './health.ts';

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
