/** A restart policy without gaps. Times in milliseconds. */
export interface RestartRules {
  /** `none`, `on-failure` or `any`. */
  readonly condition: string;
  readonly delayMs: number;
  /** 0: no limit. */
  readonly maxAttempts: number;
  /** 0: attempts count for ever. */
  readonly windowMs: number;
}

/** Docker's own rule for containers: the delay grows up to a minute, and is forgotten after 10 s of running. */
const longestBackOffMs = 60_000;
const quickMs = 10_000;
/** What grows when the user asked for no delay at all. */
const smallestBackOffMs = 500;

/** Whether the policy lets what ended start again. `attempts`: when it was started again before, ms since the epoch. */
export function mayRestart(
  rules: RestartRules,
  ended: { readonly complete: boolean; readonly at: number },
  attempts: readonly number[],
): boolean {
  if (rules.condition === 'none' || (rules.condition === 'on-failure' && ended.complete)) return false;
  return rules.maxAttempts === 0 || attemptsInWindow(rules, attempts, ended.at).length < rules.maxAttempts;
}

/** The attempts that count, seen from the moment it ended, so that the answer does not change with time. */
export const attemptsInWindow = (
  { windowMs }: RestartRules,
  attempts: readonly number[],
  endedAt: number,
): number[] => attempts.filter((at) => windowMs === 0 || at > endedAt - windowMs);

/** It ended so soon after it began to run that this counts as a failure in a row. Undefined: it never ran. */
export const isQuickEnd = (ranMs: number | undefined): boolean => ranMs === undefined || ranMs < quickMs;

/**
 * How long to wait before the next start. When it ends quickly again and again (`failures` in a row, this one included),
 * the policy's delay doubles each time up to one minute, or stays where the policy asks for more. Where MaxAttempts bounds
 * the restarts anyway, it never grows, so that MaxAttempts and Window mean what they say.
 */
export function restartDelayMs({ delayMs, maxAttempts }: RestartRules, failures: number): number {
  if (failures <= 1 || maxAttempts > 0) return delayMs;
  const grown = Math.max(delayMs, smallestBackOffMs) * 2 ** (failures - 1);
  return Math.min(grown, Math.max(delayMs, longestBackOffMs));
}
