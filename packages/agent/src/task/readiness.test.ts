import { describe, expect, it } from 'vitest';
import { plan } from './plan.ts';
import { readinessOf, runningStatus, tried } from './readiness.ts';
import { type Status, statusOf } from './status.ts';
import type { Memory, TaskView } from './step.ts';
import { aCheck, aContainer, anAssignment } from './testing.ts';

const check = { port: 80, path: '/', command: [], intervalMs: 5_000, timeoutMs: 1_000, failures: 3 };
const starting = statusOf('starting');
const running = statusOf('running');

/** What is said after each of these answers, and when the next one is asked for, by a task in `before`. */
function after(answers: readonly string[], before: Status): string[] {
  const container = aContainer();
  let known = readinessOf(undefined, container, before);
  let status = before;
  return answers.map((why) => {
    const from = known.nextAt;
    known = tried(known, check, { from, to: from + 1, why });
    status = runningStatus(container, check, known, status);
    return `${status.state}${status.err && ` (${status.err})`}, in ${known.nextAt - from} ms`;
  });
}

describe('a task that is asked whether it is ready', () => {
  it('runs once it was ready for the first time, and is asked often until then', () => {
    expect(after(['HTTP 503', 'HTTP 503', ''], starting)).toEqual([
      'starting (task: not ready (HTTP 503)), in 250 ms',
      'starting (task: not ready (HTTP 503)), in 500 ms',
      'running, in 5000 ms',
    ]);
  });

  it('gets no traffic after as many failures as that takes, and gets it again at once when it is ready', () => {
    expect(after(['', 'no', 'no', 'no', 'no', ''], running)).toEqual([
      'running, in 5000 ms',
      'running, in 5000 ms',
      'running, in 5000 ms',
      'running (task: not ready (no)), in 1000 ms',
      'running (task: not ready (no)), in 2000 ms',
      'running, in 5000 ms',
    ]);
  });

  it('that got traffic before it was asked goes on until it fails; one that was started again does not', () => {
    const again = { ...running, err: 'task: non-zero exit (1); its host starts it again' };
    expect(runningStatus(aContainer(), check, undefined, running)).toMatchObject({
      state: 'running',
      err: '',
    });
    expect(runningStatus(aContainer(), check, undefined, again)).toMatchObject({
      state: 'running',
      err: 'task: not ready',
    });
  });

  it('is asked anew in each life of its container', () => {
    const known = { startedAt: 'before', ready: true, failures: 0, nextAt: 5_000, why: '' };
    expect(readinessOf(known, aContainer(), starting)).toMatchObject({ ready: false, nextAt: 0 });
  });
});

describe('what is done next for a task with a check', () => {
  const view = (container = aContainer(), memory: Partial<Memory> = {}): TaskView => ({
    wanted: 'running',
    assignment: anAssignment('t1', 'running', { ready: check }),
    memory: { status: starting, stale: false, told: true, ...memory },
    now: 0,
    isCurrent: true,
    leaseUntil: 0,
    lacksFiles: false,
    container,
  });
  const next = (of: TaskView) => {
    const planned = plan(of);
    return planned.kind === 'step'
      ? planned.step.action
      : planned.kind === 'wait'
        ? planned.reason
        : 'forget';
  };
  const ready = { startedAt: 'first', ready: true, failures: 0, nextAt: 5_000, why: '' };

  it.each<[string, TaskView, string]>([
    ['it runs', view(), 'ask'],
    ['it was asked just now', view(aContainer(), { readiness: ready }), 'it runs'],
    [
      'it was not ready just now',
      view(aContainer(), { readiness: { ...ready, ready: false } }),
      'it is not ready yet',
    ],
    ['its health check comes first', view(aContainer({ health: 'starting', check: aCheck() })), 'probe'],
    ['it is unhealthy', view(aContainer({ health: 'unhealthy' })), 'stop'],
    ['it is paused', view(aContainer({ phase: 'paused' })), 'it is not ready yet'],
    ['it shall stop', { ...view(), wanted: 'shutdown' }, 'stop'],
  ])('%s: %s', (_name, of, what) => {
    expect(next(of)).toBe(what);
  });

  it('waits until it is due again', () => {
    expect(plan(view(aContainer(), { readiness: ready }))).toMatchObject({ kind: 'wait', until: 5_000 });
  });
});
