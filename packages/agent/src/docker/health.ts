import type { ContainerInspectInfo } from 'dockerode';
import type { Health, Probe } from '../task/container.ts';

/** Docker's, for a check that names none. */
const defaultRetries = 3;

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
