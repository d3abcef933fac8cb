import type { Assignment, ContainerSpec, Dns, Limits, Mount, Port, Privileges } from '@shoal/proto';

/** Below this, Docker refuses a memory reservation; a task that reserves less still gets its place. */
const leastMemoryReservation = 6 * 1024 * 1024;

/** HostConfig of a task's container, after moby's daemon/cluster/executor/container/container.go `hostConfig`. */
export function hostConfig({ container: spec, limits, reservations, ports, logDriver }: Assignment) {
  return {
    AutoRemove: false,
    RestartPolicy: { Name: 'no' },
    ...resources(limits, reservations),
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

function resources(limits: Limits | undefined, reservations: Limits | undefined) {
  const memory = limits?.memoryBytes ?? 0;
  const swap = limits?.swapBytes;
  const reserved = reservations?.memoryBytes ?? 0;
  const reservable = reserved >= leastMemoryReservation && (memory === 0 || reserved <= memory);
  return {
    ...(limits?.nanoCpus && { NanoCpus: limits.nanoCpus }),
    ...(memory > 0 && { Memory: memory }),
    // Docker counts memory and swap together; -1 is unlimited swap.
    ...(memory > 0 && swap !== undefined && { MemorySwap: swap === -1 ? -1 : memory + swap }),
    ...(limits?.memorySwappiness !== undefined && { MemorySwappiness: limits.memorySwappiness }),
    ...(reservable && { MemoryReservation: reserved }),
    ...(limits && limits.pids > 0 && { PidsLimit: limits.pids }),
  };
}

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
