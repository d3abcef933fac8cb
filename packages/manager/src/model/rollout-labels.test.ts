import { describe, expect, it } from 'vitest';
import { canaryLabelTrouble, canaryStepsOf } from './canary-labels.ts';
import { progressDeadlineMs, readyCheckOf, rolloutLabelTrouble } from './rollout-labels.ts';

const trouble = (labels: Record<string, string>) => rolloutLabelTrouble(labels) ?? canaryLabelTrouble(labels);

describe('labels about rollouts', () => {
  it.each<[Record<string, string>, string]>([
    [
      { 'shoal.progress-deadline': '0' },
      'Labels["shoal.progress-deadline"]: must be a duration from 1s to 168h',
    ],
    [{ 'shoal.progress-deadline': 'soon' }, 'such as 10m, got "soon"'],
    [{ 'shoal.ready.http': '/healthz' }, 'Labels["shoal.ready.http"]: must be PORT/PATH'],
    [{ 'shoal.ready.http': '70000/' }, 'Labels["shoal.ready.http"]: must be PORT/PATH'],
    [{ 'shoal.ready.http': '80/a b' }, 'Labels["shoal.ready.http"]: must be PORT/PATH'],
    [{ 'shoal.ready.tcp': '0' }, 'Labels["shoal.ready.tcp"]: must be a port from 1 to 65535, got "0"'],
    [{ 'shoal.ready.exec': ' ' }, 'Labels["shoal.ready.exec"]: must be a command'],
    [
      { 'shoal.ready.http': '80', 'shoal.ready.tcp': '80' },
      'Labels["shoal.ready.tcp"]: can not be combined with shoal.ready.http',
    ],
    [{ 'shoal.ready.interval': '5s' }, 'Labels["shoal.ready.interval"]: says nothing without one of'],
    [{ 'shoal.ready.tcp': '80', 'shoal.ready.interval': '1ms' }, 'must be a duration from 100ms to 1h'],
    [{ 'shoal.ready.tcp': '80', 'shoal.ready.timeout': '2h' }, 'must be a duration from 10ms to 1m'],
    [{ 'shoal.ready.tcp': '80', 'shoal.ready.failures': '0' }, 'must be a whole number from 1 to 1000'],
    [
      { 'shoal.ready.tcp': '80', 'shoal.network': 'service:db' },
      'Labels["shoal.ready.tcp"]: can not be combined with shoal.network=service:…',
    ],
    [{ 'shoal.strategy': 'blue' }, 'Labels["shoal.strategy"]: must be rolling or canary, got "blue"'],
    [{ 'shoal.canary.steps': '10%:5m' }, 'says nothing without shoal.strategy=canary'],
    ...['', '10%', '10:5m', '0%:5m', '100%:5m', '50%:5m,10%:5m', '10%:5m,10%:5m', '10%:5m,', '10%:x'].map(
      (steps): [Record<string, string>, string] => [
        { 'shoal.strategy': 'canary', 'shoal.canary.steps': steps },
        `Labels["shoal.canary.steps"]: must be PERCENT:WAIT, … with rising percents from 1% to 99% such as 10%:5m,50%:10m, got "${steps}"`,
      ],
    ),
  ])('%j is refused', (labels, text) => {
    expect(trouble(labels)).toContain(text);
  });

  it.each([
    {},
    { 'shoal.progress-deadline': '1m30s' },
    { 'shoal.ready.http': '8080/healthz?full=1', 'shoal.ready.interval': '1s', 'shoal.ready.failures': '10' },
    { 'shoal.ready.exec': 'test -e /tmp/ready', 'shoal.network': 'service:db' },
    { 'shoal.strategy': 'canary' },
    { 'shoal.strategy': 'canary', 'shoal.canary.steps': '1%:0, 99%:24h' },
  ] as Record<string, string>[])('%j is fine', (labels) => {
    expect(trouble(labels)).toBeUndefined();
  });
});

it('what they say', () => {
  expect(progressDeadlineMs(undefined)).toBe(600_000);
  expect(progressDeadlineMs({ 'shoal.progress-deadline': '30s' })).toBe(30_000);
  expect(readyCheckOf({ 'shoal.lb': 'random' })).toBeUndefined();
  const usual = { intervalMs: 5_000, timeoutMs: 2_000, failures: 3 };
  expect(readyCheckOf({ 'shoal.ready.http': '80' })).toEqual({ port: 80, path: '/', command: [], ...usual });
  expect(readyCheckOf({ 'shoal.ready.tcp': '5432', 'shoal.ready.timeout': '1s' })).toEqual({
    port: 5_432,
    path: '',
    command: [],
    ...usual,
    timeoutMs: 1_000,
  });
  expect(readyCheckOf({ 'shoal.ready.exec': 'test -e /up' })).toEqual({
    port: 0,
    path: '',
    command: ['/bin/sh', '-c', 'test -e /up'],
    ...usual,
  });
  expect(canaryStepsOf({ 'shoal.strategy': 'rolling' })).toBeUndefined();
  expect(canaryStepsOf({ 'shoal.strategy': 'canary', 'shoal.canary.steps': '5%:30s' })).toEqual([
    { percent: 5, waitMs: 30_000 },
  ]);
});
