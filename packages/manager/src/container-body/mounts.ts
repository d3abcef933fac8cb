import { secretFile } from '@shoal/proto/rules';
import { type ContainerSpec, type Mount, payloadFiles } from '../model/index.ts';

/** A mount as Docker's HostConfig has it: with the options of its own type only, as clients send empty ones of others. */
export function mount(from: Mount) {
  // Docker's default: a mount without a type is a bind.
  const type = from.Type ?? 'bind';
  return {
    Type: type,
    Target: from.Target ?? '',
    ReadOnly: from.ReadOnly ?? false,
    ...(from.Source && { Source: from.Source }),
    ...(from.Consistency && { Consistency: from.Consistency }),
    ...(type === 'bind' && { BindOptions: bindOptions(from.BindOptions) }),
    ...(type === 'volume' && { VolumeOptions: volumeOptions(from.VolumeOptions) }),
    ...(type === 'tmpfs' && { TmpfsOptions: tmpfsOptions(from.TmpfsOptions) }),
    ...(type === 'image' &&
      from.ImageOptions?.Subpath && { ImageOptions: { Subpath: from.ImageOptions.Subpath } }),
  };
}

const bindOptions = (from: Mount['BindOptions']) => ({
  ...(from?.Propagation && { Propagation: from.Propagation }),
  ...(from?.NonRecursive && { NonRecursive: true }),
  ...(from?.CreateMountpoint && { CreateMountpoint: true }),
  ...(from?.ReadOnlyNonRecursive && { ReadOnlyNonRecursive: true }),
  ...(from?.ReadOnlyForceRecursive && { ReadOnlyForceRecursive: true }),
});

const volumeOptions = (from: Mount['VolumeOptions']) => ({
  NoCopy: from?.NoCopy ?? false,
  Labels: from?.Labels ?? {},
  ...(from?.Subpath && { Subpath: from.Subpath }),
  ...(from?.DriverConfig && {
    DriverConfig: { Name: from.DriverConfig.Name ?? '', Options: from.DriverConfig.Options ?? {} },
  }),
});

const tmpfsOptions = (from: Mount['TmpfsOptions']) => ({
  ...(from?.SizeBytes && { SizeBytes: from.SizeBytes }),
  ...(from?.Mode && { Mode: from.Mode }),
});

/** Files of secrets and configs, from where the host puts them in its memory. */
export const payloadMounts = (taskId: string, spec: ContainerSpec) =>
  payloadFiles(spec).map(({ target }, place) => ({
    Type: 'bind',
    Source: secretFile(taskId, place),
    Target: target,
    ReadOnly: true,
  }));
