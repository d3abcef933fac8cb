import type { ContainerSpec, Mount } from '../../model/index.ts';
import { badRequest, rpcError } from '../errors.ts';
import { checkImage } from './image.ts';

const millisecond = 1_000_000;

/** Swarm's rules (swarmkit controlapi), and those its agents would reject a task for. Throws 400. */
export function checkContainer(container: ContainerSpec): void {
  checkImage(container.Image);
  checkMounts(container.Mounts ?? []);
  checkHealth(container);
  checkEnv(container.Env ?? []);
  if ((container.StopGracePeriod ?? 0) < 0) {
    throw rpcError('InvalidArgument', 'ContainerSpec: StopGracePeriod cannot be negative');
  }
}

function checkMounts(mounts: readonly Mount[]): void {
  const targets = new Set<string>();
  for (const mount of mounts) {
    const target = mount.Target ?? '';
    if (targets.has(target)) {
      throw rpcError('InvalidArgument', `ContainerSpec: duplicate mount point: ${target}`);
    }
    targets.add(target);
    if (!target.startsWith('/')) {
      throw badRequest(`invalid mount target, must be an absolute path: ${target}`);
    }
    checkSource(mount.Type ?? 'bind', mount.Source ?? '');
  }
}

function checkSource(type: string, source: string): void {
  const isAbsolute = source.startsWith('/');
  if (type === 'bind' && !isAbsolute) {
    throw badRequest(`invalid bind mount source, must be an absolute path: ${source}`);
  }
  if (type === 'volume' && isAbsolute) {
    throw badRequest(`invalid volume mount source, must not be an absolute path: ${source}`);
  }
  if (type === 'tmpfs' && source !== '') throw badRequest('invalid tmpfs source, source must be empty');
}

function checkHealth({ Healthcheck }: ContainerSpec): void {
  if (!Healthcheck) return;
  for (const field of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = Healthcheck[field] ?? 0;
    if (value !== 0 && value < millisecond) {
      throw rpcError('InvalidArgument', `ContainerSpec: ${field} in HealthConfig cannot be less than 1ms`);
    }
  }
  if ((Healthcheck.Retries ?? 0) < 0) {
    throw rpcError('InvalidArgument', 'ContainerSpec: Retries in HealthConfig cannot be negative');
  }
}

function checkEnv(env: readonly string[]): void {
  const wrong = env.findIndex((entry) => entry === '' || entry.startsWith('='));
  if (wrong >= 0) {
    throw badRequest(`TaskTemplate.ContainerSpec.Env[${wrong}]: must be NAME=value, got "${env[wrong]}"`);
  }
}
