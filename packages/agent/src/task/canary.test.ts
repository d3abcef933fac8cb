import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answered, answersOf, withVerdict } from './canary.ts';
import { plan } from './plan.ts';
import { fromTaskStatus, type Status, statusOf, toTaskStatus } from './status.ts';
import type { Memory, TaskView } from './step.ts';
import { aContainer, anAssignment } from './testing.ts';

const check = { port: 80, path: '/', slowMs: 1_000, maxBadPercent: 5 };
const running = statusOf('running');

/** After these answers, each 500 ms after the one before: bad ones are those with a reason. */
function after(answers: readonly string[], status: Status = running): Status {
  let known = answersOf(undefined, aContainer());
  for (const [i, why] of answers.entries())
    known = answered(known, check, { from: i * 500, to: i * 500 + 1, why });
  return withVerdict(status, check, known);
}

const good = (count: number): string[] => Array(count).fill('');

describe('a canary that is asked again and again', () => {
  it('has passed once there are twenty answers, and few of them bad', () => {
    expect(after(good(19)).canary).toBeUndefined();
    expect(after([...good(10), 'HTTP 500', ...good(9)])).toEqual({ ...running, canary: 'passed' });
  });

  it('fails as soon as too many of twenty are bad, and says what was wrong last', () => {
    expect(after(['HTTP 500'])).toEqual(running);
    expect(after(['HTTP 500', '', 'no answer within 1000 ms'])).toEqual({
      ...running,
      canary: 'failed',
      err: 'task: canary check failed (2 of 3 answers were bad, the last: no answer within 1000 ms)',
    });
    expect(after([...good(200), ...Array(11).fill('HTTP 502')]).canary).toBe('failed');
  });

  it('fails also when it is not ready any more, and passes only what runs', () => {
    const unready = { ...running, err: 'task: not ready (HTTP 503)' };
    expect(after(['HTTP 503', 'HTTP 503'], unready)).toMatchObject({ canary: 'failed' });
    expect(after(['HTTP 503', 'HTTP 503'], statusOf('starting'))).toEqual(statusOf('starting'));
  });

  it('fails by its share alone, whatever the order, once there are twenty', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 20, maxLength: 200 }), (bad) => {
        const { canary } = after(bad.map((is) => (is ? 'bad' : '')));
        const share = bad.filter(Boolean).length / bad.length;
        if (share * 100 > 5) expect(canary).toBe('failed');
      }),
    );
  });

  it('is told to the manager, and to the next agent', () => {
    for (const answers of [good(20), ['bad', 'bad']]) {
      const status = after(answers);
      expect(fromTaskStatus(toTaskStatus('t1', status, 1))).toEqual(status);
    }
  });
});

it('is asked while it runs, until it has failed, in turn with the question whether it is ready', () => {
  const ready = { port: 80, path: '/', command: [], intervalMs: 5_000, timeoutMs: 1_000, failures: 3 };
  const view = (memory: Partial<Memory> = {}): TaskView => ({
    wanted: 'running',
    assignment: anAssignment('t1', 'running', { ready, canary: check }),
    memory: { status: running, stale: false, told: true, ...memory },
    now: 0,
    isCurrent: true,
    leaseUntil: 0,
    lacksFiles: false,
    container: aContainer(),
  });
  const readiness = { startedAt: 'first', ready: true, failures: 0, nextAt: 5_000, why: '' };
  const failed = {
    startedAt: 'first',
    bad: [true],
    why: 'bad',
    failed: true,
    nextAt: Number.POSITIVE_INFINITY,
  };
  expect(plan(view())).toMatchObject({ step: { about: 'readiness', question: { highestStatus: 399 } } });
  expect(plan(view({ readiness }))).toMatchObject({
    step: { about: 'canary', question: { highestStatus: 499, timeoutMs: 1_000 } },
  });
  expect(plan(view({ readiness, canary: failed }))).toMatchObject({ kind: 'wait', until: 5_000 });
});
