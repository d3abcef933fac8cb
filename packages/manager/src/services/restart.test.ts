import { describe, expect, it } from 'vitest';
import type { RestartPolicy, Task, TaskState } from '../model/index.ts';
import { restartAfter } from './restart.ts';
import { ended, epochMs, type TaskParts } from './testing.ts';

const restart = (head: Task, kin: readonly Task[], now: number) =>
  restartAfter(head, kin, head.Spec.RestartPolicy, now);

const withPolicy = (policy: RestartPolicy, id = 'a', parts: TaskParts = {}) =>
  ended(id, { ...parts, change: { Spec: { RestartPolicy: policy }, ...parts.change } });

const restartsAfter = (policy: RestartPolicy, state: TaskState): boolean => {
  const head = withPolicy(policy, 'a', { state });
  return restart(head, [head], epochMs) !== undefined;
};

describe('the condition', () => {
  it.each([
    ['any', 'failed', true],
    ['any', 'complete', true],
    ['any', 'rejected', true],
    ['on-failure', 'failed', true],
    ['on-failure', 'rejected', true],
    ['on-failure', 'complete', false],
    ['none', 'failed', false],
    ['none', 'complete', false],
  ] as const)('%s after %s: %s', (condition, state, restarts) => {
    expect(restartsAfter({ Condition: condition }, state)).toBe(restarts);
  });
});

describe('the delay', () => {
  const delays = (policy: RestartPolicy, failures: readonly number[]) =>
    failures.map((before) => {
      const head = withPolicy(policy, 'a', { shoal: { failures: before } });
      return (restart(head, [head], epochMs)?.startAfter ?? 0) - epochMs;
    });

  it('is 5 s, doubles with each quick end, and stops growing at a minute', () => {
    expect(delays({}, [0, 1, 2, 3, 4, 50])).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  });

  it('grows from half a second where the user wants none, and stays where the user wants long ones', () => {
    expect(delays({ Delay: 0 }, [0, 1, 2])).toEqual([0, 1_000, 2_000]);
    expect(delays({ Delay: 300e9 }, [0, 1, 2])).toEqual([300_000, 300_000, 300_000]);
  });

  it('stays as it is where the attempts are limited anyway', () => {
    expect(delays({ Delay: 1e9, MaxAttempts: 9 }, [0, 1, 5])).toEqual([1_000, 1_000, 1_000]);
  });

  it('starts over after a task that ran for 10 s', () => {
    const ran = (ms: number) =>
      withPolicy({}, 'a', { since: 1_000 + ms, shoal: { failures: 4, runningSince: epochMs + 1_000 } });
    expect(restart(ran(9_999), [], epochMs)?.failures).toBe(5);
    expect(restart(ran(10_000), [], epochMs)).toEqual({ startAfter: epochMs + 5_000, failures: 1 });
  });
});

describe('the number of attempts', () => {
  const history = (policy: RestartPolicy, created: readonly number[]) =>
    created.map((ms, index) =>
      withPolicy(policy, `t${index}`, {
        created: ms,
        since: ms + 500,
        // The first one is no restart.
        shoal: index === 0 ? {} : { startAfter: epochMs + ms },
      }),
    );
  const isOver = (policy: RestartPolicy, created: readonly number[]): boolean => {
    const kin = history(policy, created).toReversed();
    const [head] = kin;
    return head !== undefined && restart(head, kin, epochMs) === undefined;
  };

  it('ends the restarts of a slot', () => {
    expect(isOver({ MaxAttempts: 2 }, [0, 1_000])).toBe(false);
    expect(isOver({ MaxAttempts: 2 }, [0, 1_000, 2_000])).toBe(true);
  });

  it('counts only what lies in the window before the last end', () => {
    expect(isOver({ MaxAttempts: 2, Window: 10e9 }, [0, 1_000, 60_000])).toBe(false);
    expect(isOver({ MaxAttempts: 2, Window: 10e9 }, [0, 55_000, 60_000])).toBe(true);
  });
});
