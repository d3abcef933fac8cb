import { fieldsAt } from '../field-path.ts';
import type { TaskSpec } from '../model/index.ts';
import { mount } from './mounts.ts';

/** Major and minor number. */
type DockerVersion = readonly [number, number];

/** Something in a create body that older daemons refuse, or leave out in silence. */
export interface NewerField {
  /** In HostConfig or the task's spec, such as `Mounts[0].VolumeOptions.Subpath`, or `Mounts[0].Type=image`. */
  readonly path: string;
  /** The first Docker that knows it. */
  readonly since: DockerVersion;
}

/**
 * What the body of a task can ask for and came after Docker 20.10 (API 1.41), the oldest that is supported: moby's
 * api/docs/CHANGELOG.md by API version, and the Docker that brought it, by `DefaultVersion` in api/common.go and
 * api/types/mount/mount.go at its tag. What an older daemon leaves out without harm is not here:
 * Healthcheck.StartInterval (API 1.44), since the agent itself runs the check until it passes, and
 * BindOptions.ReadOnlyNonRecursive (1.44), since before all read-only binds were so.
 */
const table: readonly {
  readonly field: string;
  readonly since: DockerVersion;
  /** The value that is newer; without it, any but those that ask for nothing. */
  readonly value?: string;
}[] = [
  // API 1.42. Left out before: a bind whose source is missing is refused.
  { field: 'Mounts[].BindOptions.CreateMountpoint', since: [23, 0] },
  // API 1.44. Left out before: what is mounted below the source stays writable.
  { field: 'Mounts[].BindOptions.ReadOnlyForceRecursive', since: [25, 0] },
  // API 1.45. Left out before: the whole volume is mounted.
  { field: 'Mounts[].VolumeOptions.Subpath', since: [26, 0] },
  // API 1.48, and ImageOptions with it. Refused before.
  { field: 'Mounts[].Type', value: 'image', since: [28, 0] },
];

/** Options of a container's end of a network, from moby's release notes; an older daemon does as if they were not there. */
export const endpointOptions: Readonly<Record<string, DockerVersion>> = {
  'com.docker.network.endpoint.sysctls': [27, 0],
  'com.docker.network.endpoint.ifname': [28, 1],
};

/** What the container of a task asks for beyond what every supported Docker knows: it is in mounts and networks. */
export function newerFields(spec: TaskSpec): NewerField[] {
  return [...newerInMounts(spec), ...newerInNetworks(spec)];
}

const newerInNetworks = ({ Networks }: TaskSpec): NewerField[] =>
  (Networks ?? []).flatMap(({ DriverOpts }, i) =>
    Object.keys(DriverOpts ?? {}).flatMap((name) => {
      const since = endpointOptions[name];
      return since ? [{ path: `Networks[${i}].DriverOpts["${name}"]`, since }] : [];
    }),
  );

function newerInMounts({ ContainerSpec }: TaskSpec): NewerField[] {
  if (!ContainerSpec?.Mounts?.length) return [];
  const config = { Mounts: ContainerSpec.Mounts.map(mount) };
  return table.flatMap(({ field, value: newer, since }) =>
    fieldsAt(config, field)
      .filter(({ value }) => (newer === undefined ? Boolean(value) : value === newer))
      .map(({ path }) => ({ path: newer === undefined ? path : `${path}=${newer}`, since })),
  );
}
