import type { ContainerSpec, HostAccess, PortConfig, Task } from '../model/index.ts';
import { limits } from './limits.ts';
import { mount, payloadMounts } from './mounts.ts';

/** HostConfig of a task's container, by its spec without templates, after moby's daemon/cluster/executor/container/container.go `hostConfig`. */
export function hostConfig({ ID, Spec, shoal }: Task, spec: ContainerSpec) {
  const networkMode = shoal.companion ? `container:${shoal.companion.container}` : shoal.networkMode;
  return {
    AutoRemove: false,
    RestartPolicy: { Name: 'no' },
    ...limits(Spec.Resources),
    ReadonlyRootfs: spec.ReadOnly ?? false,
    CapAdd: spec.CapabilityAdd ?? [],
    CapDrop: spec.CapabilityDrop ?? [],
    GroupAdd: spec.Groups ?? [],
    SecurityOpt: securityOptions(spec.Privileges),
    Sysctls: spec.Sysctls ?? {},
    Ulimits: (spec.Ulimits ?? []).map(({ Name, Soft, Hard }) => ({
      Name: Name ?? '',
      Soft: Soft ?? 0,
      Hard: Hard ?? 0,
    })),
    OomScoreAdj: spec.OomScoreAdj ?? 0,
    ...(spec.Init != null && { Init: spec.Init }),
    Mounts: [...(spec.Mounts ?? []).map(mount), ...payloadMounts(ID, spec)],
    ExtraHosts: extraHosts(spec.Hosts ?? []),
    ...(spec.DNSConfig && dns(spec.DNSConfig)),
    PortBindings: portBindings(shoal.ports),
    ...(Spec.LogDriver && {
      LogConfig: { Type: Spec.LogDriver.Name ?? '', Config: Spec.LogDriver.Options ?? {} },
    }),
    ...(networkMode && { NetworkMode: networkMode }),
    ...(shoal.hostAccess && access(shoal.hostAccess)),
  };
}

const namespaceFields = {
  pid: 'PidMode',
  ipc: 'IpcMode',
  uts: 'UTSMode',
  userns: 'UsernsMode',
  cgroupns: 'CgroupnsMode',
} as const;

const access = ({ privileged, devices = [], namespaces = [] }: HostAccess) => ({
  ...(privileged && { Privileged: true }),
  Devices: devices.map(({ onHost, inContainer, permissions }) => ({
    PathOnHost: onHost,
    PathInContainer: inContainer,
    CgroupPermissions: permissions,
  })),
  ...Object.fromEntries(namespaces.map((name) => [namespaceFields[name], 'host'])),
});

const dns = ({ Nameservers, Search, Options }: NonNullable<ContainerSpec['DNSConfig']>) => ({
  Dns: Nameservers ?? [],
  DnsSearch: Search ?? [],
  DnsOptions: Options ?? [],
});

/** Swarm takes lines of /etc/hosts, `ADDRESS NAME [ALIAS...]`; Docker takes `NAME:ADDRESS`. */
const extraHosts = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => {
    const [address, ...names] = line.trim().split(/\s+/);
    return names.map((name) => `${name}:${address}`);
  });

export const portKey = ({ TargetPort, Protocol }: PortConfig): string =>
  `${TargetPort ?? 0}/${Protocol || 'tcp'}`;

/** A port without a number gets one from the daemon. */
function portBindings(ports: readonly PortConfig[]): Record<string, { HostPort: string }[]> {
  const bindings: Record<string, { HostPort: string }[]> = {};
  for (const port of ports) {
    bindings[portKey(port)] ??= [];
    bindings[portKey(port)]?.push({ HostPort: port.PublishedPort ? String(port.PublishedPort) : '' });
  }
  return bindings;
}

function securityOptions(from: ContainerSpec['Privileges']): string[] {
  const { SELinuxContext: selinux, Seccomp, AppArmor, NoNewPrivileges } = from ?? {};
  const options: string[] = [];
  if (selinux?.Disable) options.push('label=disable');
  const labels = [
    ['user', selinux?.User],
    ['role', selinux?.Role],
    ['level', selinux?.Level],
    ['type', selinux?.Type],
  ];
  for (const [key, value] of labels) if (value) options.push(`label=${key}:${value}`);
  if (Seccomp?.Mode === 'unconfined') options.push('seccomp=unconfined');
  if (Seccomp?.Mode === 'custom')
    options.push(`seccomp=${Buffer.from(Seccomp.Profile ?? '', 'base64').toString('utf8')}`);
  // Docker's API calls it disabled, its engine unconfined.
  if (AppArmor?.Mode === 'disabled') options.push('apparmor=unconfined');
  if (NoNewPrivileges) options.push('no-new-privileges=true');
  return options;
}
