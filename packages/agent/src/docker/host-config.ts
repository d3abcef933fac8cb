import type { Assignment, ContainerSpec, Dns, Mount, Port, Privileges } from '@shoal/proto';
import type Docker from 'dockerode';
import type { ContainerLimits } from '../task/container.ts';
import { limitsOf } from '../task/limits.ts';

/** HostConfig of a task's container, after moby's daemon/cluster/executor/container/container.go `hostConfig`. */
export function hostConfig(task: Assignment) {
  const { container: spec, limits, ports, logDriver } = task;
  return {
    AutoRemove: false,
    RestartPolicy: { Name: 'no' },
    ...resources(limitsOf(task)),
    ...(limits?.memorySwappiness !== undefined && { MemorySwappiness: limits.memorySwappiness }),
    ...(spec && isolation(spec)),
    ...(spec && { Mounts: spec.mounts.map(mount), ExtraHosts: extraHosts(spec.hosts) }),
    ...(spec?.dns && dns(spec.dns)),
    PortBindings: portBindings(ports),
    ...(logDriver && { LogConfig: { Type: logDriver.name, Config: logDriver.options } }),
  };
}

const isolation = (spec: ContainerSpec) => ({
  ReadonlyRootfs: spec.readOnly,
  CapAdd: spec.capabilityAdd,
  CapDrop: spec.capabilityDrop,
  GroupAdd: spec.groups,
  SecurityOpt: spec.privileges ? securityOptions(spec.privileges) : [],
  Sysctls: spec.sysctls,
  Ulimits: spec.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
  OomScoreAdj: spec.oomScoreAdj,
  ...(spec.init !== undefined && { Init: spec.init }),
});

/** Docker counts memory and swap together; -1 is unlimited swap. */
const resources = ({ nanoCpus, memory, memorySwap, memoryReservation, pids }: ContainerLimits) => ({
  ...(nanoCpus > 0 && { NanoCpus: nanoCpus }),
  ...(memory > 0 && { Memory: memory }),
  ...(memorySwap !== 0 && { MemorySwap: memorySwap }),
  ...(memoryReservation > 0 && { MemoryReservation: memoryReservation }),
  ...(pids > 0 && { PidsLimit: pids }),
});

/**
 * Body of `POST /containers/{id}/update`. What it does not name stays: Docker's own default for swap, twice the memory,
 * has to follow a new limit, and no limit on PIDs has to be said aloud.
 */
export const updateBody = (wanted: ContainerLimits, present: ContainerLimits) => ({
  ...resources(wanted),
  ...(wanted.memory > 0 && { MemorySwap: wanted.memorySwap || 2 * wanted.memory }),
  ...(wanted.pids === 0 && present.pids > 0 && { PidsLimit: -1 }),
});

/** What `docker inspect` says of them. */
export const toLimits = (host: Docker.HostConfig): ContainerLimits => ({
  nanoCpus: host.NanoCpus ?? 0,
  memory: host.Memory ?? 0,
  memorySwap: host.MemorySwap ?? 0,
  memoryReservation: host.MemoryReservation ?? 0,
  pids: Math.max(0, host.PidsLimit ?? 0),
});

const dns = ({ nameservers, search, options }: Dns) => ({
  Dns: nameservers,
  DnsSearch: search,
  DnsOptions: options,
});

/** Swarm takes lines of /etc/hosts, `ADDRESS NAME [ALIAS...]`; Docker takes `NAME:ADDRESS`. */
const extraHosts = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => {
    const [address, ...names] = line.trim().split(/\s+/);
    return names.map((name) => `${name}:${address}`);
  });

export const portKey = ({ target, protocol }: Pick<Port, 'target' | 'protocol'>): string =>
  `${target}/${protocol || 'tcp'}`;

function portBindings(ports: readonly Port[]): Record<string, { HostPort: string }[]> {
  const bindings: Record<string, { HostPort: string }[]> = {};
  for (const port of ports) {
    bindings[portKey(port)] ??= [];
    bindings[portKey(port)]?.push({ HostPort: port.published === 0 ? '' : String(port.published) });
  }
  return bindings;
}

function securityOptions(from: Privileges): string[] {
  const options: string[] = [];
  if (from.selinuxDisable) options.push('label=disable');
  const labels = [
    ['user', from.selinuxUser],
    ['role', from.selinuxRole],
    ['level', from.selinuxLevel],
    ['type', from.selinuxType],
  ];
  for (const [key, value] of labels) if (value) options.push(`label=${key}:${value}`);
  if (from.seccompMode === 'unconfined') options.push('seccomp=unconfined');
  if (from.seccompMode === 'custom')
    options.push(`seccomp=${Buffer.from(from.seccompProfile, 'base64').toString('utf8')}`);
  // Docker's API calls it disabled, its engine unconfined.
  if (from.apparmorMode === 'disabled') options.push('apparmor=unconfined');
  if (from.noNewPrivileges) options.push('no-new-privileges=true');
  return options;
}

function mount(from: Mount) {
  const options = { bind: bindOptions, volume: volumeOptions, tmpfs: tmpfsOptions, image: imageOptions }[
    from.type
  ];
  return {
    Type: from.type,
    Target: from.target,
    ReadOnly: from.readOnly,
    ...(from.source && { Source: from.source }),
    ...(from.consistency && { Consistency: from.consistency }),
    ...options?.(from),
  };
}

const bindOptions = (from: Mount) => ({
  BindOptions: {
    ...(from.bindPropagation && { Propagation: from.bindPropagation }),
    ...(from.bindNonRecursive && { NonRecursive: true }),
    ...(from.bindCreateMountpoint && { CreateMountpoint: true }),
    ...(from.bindReadOnlyNonRecursive && { ReadOnlyNonRecursive: true }),
    ...(from.bindReadOnlyForceRecursive && { ReadOnlyForceRecursive: true }),
  },
});

const volumeOptions = (from: Mount) => ({
  VolumeOptions: {
    NoCopy: from.volumeNoCopy,
    Labels: from.volumeLabels,
    ...(from.volumeSubpath && { Subpath: from.volumeSubpath }),
    ...(from.volumeDriver && {
      DriverConfig: { Name: from.volumeDriver.name, Options: from.volumeDriver.options },
    }),
  },
});

const tmpfsOptions = (from: Mount) => ({
  TmpfsOptions: {
    ...(from.tmpfsSizeBytes > 0 && { SizeBytes: from.tmpfsSizeBytes }),
    ...(from.tmpfsMode > 0 && { Mode: from.tmpfsMode }),
  },
});

const imageOptions = (from: Mount) => ({
  ...(from.imageSubpath && { ImageOptions: { Subpath: from.imageSubpath } }),
});
