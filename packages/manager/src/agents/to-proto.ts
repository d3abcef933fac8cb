import type * as proto from '@shoal/proto';
import { encodeDesired, type Assignment as ProtoAssignment } from '@shoal/proto';
import {
  type ContainerSpec,
  drainMs,
  type GenericResource,
  isTerminal,
  type Mount,
  type PortConfig,
  type Service,
  type Task,
  type TaskSpec,
} from '../model/index.ts';
import { restartRules } from '../services/index.ts';

/**
 * The model's task as the agent gets it. `service` may be gone already; its tasks then only have to end.
 * `held`: it shall stop, but runs on until all nodes have taken it out of their load balancers.
 */
export function toAssignment(task: Task, service: Service | undefined, held: boolean): ProtoAssignment {
  const serviceName = service?.Spec.Name ?? task.ServiceID;
  const taskName = `${serviceName}.${task.Slot ?? task.NodeID}`;
  const { Resources, LogDriver } = task.Spec;
  const { companion, networkMode } = task.shoal;
  // A task that has ended must not be started again, whatever the manager wanted of it before.
  const wanted = held || isLost(task) ? 'running' : task.DesiredState;
  const desired = isTerminal(task.Status.State) && wanted !== 'remove' ? 'shutdown' : wanted;
  return {
    taskId: task.ID,
    serviceId: task.ServiceID,
    serviceName,
    taskName,
    containerName: `${taskName}.${task.ID}`,
    nodeId: task.NodeID ?? '',
    desiredState: encodeDesired(desired),
    container: containerSpec(task.Spec.ContainerSpec ?? {}),
    limits: limits(Resources),
    reservations: {
      nanoCpus: Resources?.Reservations?.NanoCPUs ?? 0,
      memoryBytes: Resources?.Reservations?.MemoryBytes ?? 0,
      pids: 0,
    },
    ports: task.shoal.ports.map(port),
    logDriver: LogDriver ? driver(LogDriver) : undefined,
    registryAuth: service?.shoal.registryAuth ?? '',
    attachments: (task.shoal.attachments ?? []).map(({ networkId, address }) => ({ networkId, address })),
    networkMode: companion ? `container:${companion.container}` : (networkMode ?? ''),
    drainMs: drainMs(service?.Spec.Labels),
    // A host that is alone starts nothing that may run only once.
    restart: task.shoal.isolated ? undefined : restartPolicy(task.Spec.RestartPolicy),
    isolated: task.shoal.isolated ?? false,
    genericResources: (task.GenericResources ?? []).map(genericResource),
  };
}

/** Its node is back, but what becomes of it is not decided yet. */
const isLost = ({ DesiredState, shoal }: Task): boolean => DesiredState === 'shutdown' && shoal.lost === true;

function containerSpec(spec: ContainerSpec): proto.ContainerSpec {
  return {
    image: spec.Image ?? '',
    labels: spec.Labels ?? {},
    command: spec.Command ?? [],
    args: spec.Args ?? [],
    hostname: spec.Hostname ?? '',
    env: spec.Env ?? [],
    dir: spec.Dir ?? '',
    user: spec.User ?? '',
    groups: spec.Groups ?? [],
    privileges: spec.Privileges ? privileges(spec.Privileges) : undefined,
    init: spec.Init ?? undefined,
    stopSignal: spec.StopSignal ?? '',
    stopGracePeriod: spec.StopGracePeriod ?? undefined,
    tty: spec.TTY ?? false,
    openStdin: spec.OpenStdin ?? false,
    readOnly: spec.ReadOnly ?? false,
    mounts: (spec.Mounts ?? []).map(mount),
    healthcheck: spec.Healthcheck ? healthcheck(spec.Healthcheck) : undefined,
    hosts: spec.Hosts ?? [],
    dns: spec.DNSConfig
      ? {
          nameservers: spec.DNSConfig.Nameservers ?? [],
          search: spec.DNSConfig.Search ?? [],
          options: spec.DNSConfig.Options ?? [],
        }
      : undefined,
    sysctls: spec.Sysctls ?? {},
    capabilityAdd: spec.CapabilityAdd ?? [],
    capabilityDrop: spec.CapabilityDrop ?? [],
    ulimits: (spec.Ulimits ?? []).map(({ Name, Soft, Hard }) => ({
      name: Name ?? '',
      soft: Soft ?? 0,
      hard: Hard ?? 0,
    })),
    oomScoreAdj: spec.OomScoreAdj ?? 0,
  };
}

function restartPolicy(from: TaskSpec['RestartPolicy']): proto.RestartPolicy {
  const { condition, delayMs, maxAttempts, windowMs } = restartRules(from);
  return { condition, delayMs: Math.ceil(delayMs), maxAttempts, windowMs: Math.ceil(windowMs) };
}

function privileges(from: NonNullable<ContainerSpec['Privileges']>): proto.Privileges {
  const selinux = from.SELinuxContext;
  return {
    noNewPrivileges: from.NoNewPrivileges ?? false,
    seccompMode: from.Seccomp?.Mode ?? '',
    seccompProfile: from.Seccomp?.Profile ?? '',
    apparmorMode: from.AppArmor?.Mode ?? '',
    selinuxDisable: selinux?.Disable ?? false,
    selinuxUser: selinux?.User ?? '',
    selinuxRole: selinux?.Role ?? '',
    selinuxType: selinux?.Type ?? '',
    selinuxLevel: selinux?.Level ?? '',
  };
}

function mount(from: Mount): proto.Mount {
  const { BindOptions: bind, VolumeOptions: volume, TmpfsOptions: tmpfs } = from;
  return {
    // Docker's default: a mount without a type is a bind.
    type: from.Type ?? 'bind',
    source: from.Source ?? '',
    target: from.Target ?? '',
    readOnly: from.ReadOnly ?? false,
    consistency: from.Consistency ?? '',
    bindPropagation: bind?.Propagation ?? '',
    bindNonRecursive: bind?.NonRecursive ?? false,
    bindCreateMountpoint: bind?.CreateMountpoint ?? false,
    bindReadOnlyNonRecursive: bind?.ReadOnlyNonRecursive ?? false,
    bindReadOnlyForceRecursive: bind?.ReadOnlyForceRecursive ?? false,
    volumeNoCopy: volume?.NoCopy ?? false,
    volumeLabels: volume?.Labels ?? {},
    volumeSubpath: volume?.Subpath ?? '',
    volumeDriver: volume?.DriverConfig ? driver(volume.DriverConfig) : undefined,
    tmpfsSizeBytes: tmpfs?.SizeBytes ?? 0,
    tmpfsMode: tmpfs?.Mode ?? 0,
    imageSubpath: from.ImageOptions?.Subpath ?? '',
  };
}

const healthcheck = (from: NonNullable<ContainerSpec['Healthcheck']>): proto.HealthCheck => ({
  test: from.Test ?? [],
  interval: from.Interval ?? 0,
  timeout: from.Timeout ?? 0,
  startPeriod: from.StartPeriod ?? 0,
  startInterval: from.StartInterval ?? 0,
  retries: from.Retries ?? 0,
});

const limits = (from: TaskSpec['Resources']): proto.Limits => ({
  nanoCpus: from?.Limits?.NanoCPUs ?? 0,
  memoryBytes: from?.Limits?.MemoryBytes ?? 0,
  pids: from?.Limits?.Pids ?? 0,
  swapBytes: from?.SwapBytes ?? undefined,
  memorySwappiness: from?.MemorySwappiness ?? undefined,
});

const driver = (from: NonNullable<TaskSpec['LogDriver']>): proto.Driver => ({
  name: from.Name ?? '',
  options: from.Options ?? {},
});

const port = (from: PortConfig): proto.Port => ({
  protocol: from.Protocol ?? 'tcp',
  target: from.TargetPort ?? 0,
  published: from.PublishedPort ?? 0,
  name: from.Name ?? '',
});

const genericResource = ({
  NamedResourceSpec,
  DiscreteResourceSpec,
}: GenericResource): proto.GenericResource => ({
  kind: NamedResourceSpec?.Kind ?? DiscreteResourceSpec?.Kind ?? '',
  amount: DiscreteResourceSpec?.Value ?? 0,
  name: NamedResourceSpec?.Value ?? '',
});
