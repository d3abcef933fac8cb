import {
  attemptsInWindow,
  isQuickEnd,
  mayRestart,
  type RestartRules,
  restartDelayMs,
} from '@shoal/proto/rules';

/** How this host itself started a task's container again while the manager was away. Times in ms since the epoch. */
export interface OwnRestarts {
  readonly count: number;
  /** When those were that count against MaxAttempts; empty where there is no such limit. */
  readonly attempts: readonly number[];
  /** Quick ends in a row, which make the delay grow. */
  readonly failures: number;
  readonly startedAt?: number;
  /** Since when it waits to be started again. */
  readonly endedAt?: number;
  /** It ended with its host, not by itself: that is no attempt of the policy's. */
  readonly withHost?: true;
}

export const noRestarts: OwnRestarts = { count: 0, attempts: [], failures: 0 };

/** A manager that is only started again is back by then, and decides itself. */
export const patienceMs = 2_000;

/** Whether the manager is there, and since when it is not. */
export interface Contact {
  readonly now: number;
  /** Since when there is no contact with the manager; Infinity while it was not even tried. */
  readonly aloneSince: number;
}

/** The host was booted since: whatever ran has ended with it. */
export const endedWithHost = (own: OwnRestarts | undefined, now: number): OwnRestarts => ({
  ...(own ?? noRestarts),
  endedAt: now,
  withHost: true,
});

/** It runs again, whoever started it. */
export function resumed({ endedAt: _, withHost: _host, ...own }: OwnRestarts): OwnRestarts {
  return own;
}

/**
 * When the host itself starts again, while the manager is away, what has ended (`state` says how), and what it then
 * remembers. Undefined: the policy leaves it ended.
 */
export function ownRestart(
  policy: RestartRules,
  state: 'complete' | 'failed',
  before: OwnRestarts | undefined,
  { now, aloneSince }: Contact,
): { readonly own: OwnRestarts; readonly startAt: number } | undefined {
  const own = ended(before ?? noRestarts, now);
  // A clock that was set back must not make it wait for long.
  const endedAt = Math.min(own.endedAt, now);
  const earliest = aloneSince + patienceMs;
  if (own.withHost) return { own, startAt: Math.max(endedAt, earliest) };
  if (!mayRestart(policy, { complete: state === 'complete', at: endedAt }, own.attempts)) return undefined;
  const attempts = attemptsInWindow(policy, own.attempts, endedAt);
  return {
    own: { ...own, attempts },
    startAt: Math.max(endedAt + restartDelayMs(policy, own.failures), earliest),
  };
}

/** What is remembered from the moment it is started, whatever comes of that. */
export function attempted(own: OwnRestarts, { maxAttempts }: RestartRules, now: number): OwnRestarts {
  const counts = maxAttempts > 0 && !own.withHost;
  return {
    ...resumed(own),
    count: own.count + 1,
    attempts: counts ? [...own.attempts, now] : own.attempts,
    startedAt: now,
  };
}

/** An end before this host began to restart it does not count as a quick end. */
function ended(own: OwnRestarts, now: number): OwnRestarts & { readonly endedAt: number } {
  if (own.endedAt !== undefined) return { ...own, endedAt: own.endedAt };
  const quick = own.startedAt !== undefined && isQuickEnd(now - own.startedAt);
  return { ...own, endedAt: now, failures: quick ? own.failures + 1 : 1 };
}
