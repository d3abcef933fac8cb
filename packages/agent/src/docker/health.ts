import type { ContainerInspectInfo } from 'dockerode';
import type { Check, Health, Probe } from '../task/index.ts';

/** Docker's, for a check that names none (moby, daemon/health.go). */
const defaultRetries = 3;
const defaultIntervalMs = 30_000;
const defaultTimeoutMs = 30_000;
const defaultShell = ['/bin/sh', '-c'];

/** Node's timers bear no more. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * A container's health, and its newest probe since it was started. The daemon calls each container unhealthy that it no
 * longer probes, because it has ended or is paused (moby, container/health.go `CloseMonitorChannel`): really unhealthy is
 * one that failed as often in a row as its check allows.
 */
export function healthOf({ State, Config }: ContainerInspectInfo): {
  readonly health: Health;
  readonly lastProbe?: Probe;
} {
  const { StartedAt, Health: said } = State;
  // It is not emptied when a container is started again.
  const probes = (said?.Log ?? []).filter(({ Start }) => Date.parse(Start) >= Date.parse(StartedAt));
  const last = probes.at(-1);
  const health = toHealth(said?.Status);
  const failed = (said?.FailingStreak ?? 0) >= (Config.Healthcheck?.Retries || defaultRetries);
  const before = probes.some(({ ExitCode }) => ExitCode === 0) ? 'healthy' : 'starting';
  return {
    health: health === 'unhealthy' && !failed ? before : health,
    ...(last && { lastProbe: { exitCode: last.ExitCode, output: last.Output } }),
  };
}

/** Docker's word for it; anything else is a container without a check. */
export const toHealth = (status: string | undefined): Health =>
  status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : 'none';

/** The check that the daemon runs; undefined when there is none. */
export function checkOf({ Config }: ContainerInspectInfo): Check | undefined {
  const { Healthcheck: check, Shell } = Config as typeof Config & { Shell?: string[] };
  const [kind, ...words] = check?.Test ?? [];
  if (!check || (kind !== 'CMD' && kind !== 'CMD-SHELL') || words.length === 0) return undefined;
  const startIntervalMs = inMs(check.StartInterval) ?? 0;
  return {
    command: kind === 'CMD' ? words : [...(Shell?.length ? Shell : defaultShell), ...words],
    intervalMs: inMs(check.Interval) ?? defaultIntervalMs,
    timeoutMs: inMs(check.Timeout) ?? defaultTimeoutMs,
    startIntervalMs,
    // A daemon that does not know the field does not give it back.
    daemonStarts: startIntervalMs > 0 && (check.StartPeriod ?? 0) > 0,
  };
}

const inMs = (nanoseconds: number | undefined): number | undefined =>
  nanoseconds ? Math.min(Math.ceil(nanoseconds / 1e6), longestTimerMs) : undefined;
