import { posix } from 'node:path';
import type { Mount } from '../../../model/index.ts';
import { badRequest, invalid } from '../../http/index.ts';

const base = 'TaskTemplate.ContainerSpec.Mounts';

const propagations = ['', 'private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];

/** Options that only one type of mount has. */
const optionsOf = {
  BindOptions: 'bind',
  VolumeOptions: 'volume',
  TmpfsOptions: 'tmpfs',
  ImageOptions: 'image',
} as const;

/**
 * Throws 400 for a mount that no Docker daemon would make: rules of swarmkit manager/controlapi, of moby
 * daemon/cluster/executor/container/validate.go and daemon/volume/mounts.
 */
export function checkMounts(mounts: readonly Mount[]): void {
  const targets = new Set<string>();
  for (const [i, mount] of mounts.entries()) {
    const path = `${base}[${i}]`;
    const target = mount.Target ?? '';
    if (!target.startsWith('/')) {
      throw badRequest(`${path}.Target: invalid mount target, must be an absolute path: ${target}`);
    }
    const place = posix.normalize(`${target}/`);
    if (place === '/') throw badRequest(`${path}.Target: invalid specification: destination can't be '/'`);
    if (targets.has(place)) {
      throw invalid(`ContainerSpec: duplicate mount point: ${target}`, `${path}.Target`);
    }
    targets.add(place);
    const type = mount.Type ?? 'bind';
    checkSource(`${path}.Source`, type, mount);
    checkOptions(path, type, mount);
  }
}

function checkSource(path: string, type: string, { Source, VolumeOptions }: Mount): void {
  const source = Source ?? '';
  const isAbsolute = source.startsWith('/');
  if (type === 'bind' && !isAbsolute) {
    throw badRequest(`${path}: invalid bind mount source, must be an absolute path: ${source}`);
  }
  if (type === 'volume' && isAbsolute) {
    throw badRequest(`${path}: invalid volume mount source, must not be an absolute path: ${source}`);
  }
  if (type === 'tmpfs' && source !== '') {
    throw badRequest(`${path}: invalid tmpfs source, source must be empty`);
  }
  if (type === 'image' && source === '') throw badRequest(`${path}: an image must be named`);
  // Other drivers have rules of their own.
  const isLocal = ['', 'local'].includes(VolumeOptions?.DriverConfig?.Name ?? '');
  if (type === 'volume' && isLocal && source !== '' && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(source)) {
    throw badRequest(
      `${path}: "${source}" can't be the name of a local volume: at least two of [a-zA-Z0-9_.-], the first a letter ` +
        'or a number',
    );
  }
}

function checkOptions(path: string, type: string, mount: Mount): void {
  for (const [field, owner] of Object.entries(optionsOf)) {
    if (owner !== type && asksSomething(mount[field as keyof typeof optionsOf])) {
      throw badRequest(`${path}.${field}: must not be specified for a mount of type ${type}`);
    }
  }
  const propagation = mount.BindOptions?.Propagation ?? '';
  if (!propagations.includes(propagation)) {
    throw badRequest(
      `${path}.BindOptions.Propagation: invalid propagation mode: ${propagation} (one of ${propagations.filter(Boolean).join(', ')})`,
    );
  }
  for (const field of ['VolumeOptions', 'ImageOptions'] as const) {
    const subpath = mount[field]?.Subpath ?? '';
    if (subpath === '') continue;
    if (subpath.startsWith('/') || posix.normalize(subpath).split('/')[0] === '..') {
      throw badRequest(`${path}.${field}.Subpath: must be a relative path within the ${type}: ${subpath}`);
    }
    if (!mount.Source) {
      throw badRequest(`${path}.${field}.Subpath: must not be set when using anonymous volumes`);
    }
  }
}

/** Clients send empty options with every mount. */
function asksSomething(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Boolean(value);
  return Object.values(value).some(asksSomething);
}
