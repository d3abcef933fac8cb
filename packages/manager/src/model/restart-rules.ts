import type { RestartRules } from '@shoal/proto/rules';
import type { RestartPolicy } from './service.ts';

/** Docker's default (moby/swarmkit api/defaults/service.go). */
const restartDelayMs = 5_000;

export const restartRules = (policy: RestartPolicy | null | undefined): RestartRules => ({
  condition: policy?.Condition ?? 'any',
  delayMs: policy?.Delay == null ? restartDelayMs : policy.Delay / 1e6,
  maxAttempts: policy?.MaxAttempts ?? 0,
  windowMs: (policy?.Window ?? 0) / 1e6,
});
