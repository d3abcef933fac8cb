import type { Assignment, ContainerSpec, GenericResource, HealthCheck } from '@shoal/proto';
import type { DockerAttachment } from '../network/host-network.ts';
import { graceSeconds } from '../task/container.ts';
import { hostConfig, portKey } from './host-config.ts';
import { labelsOf, type Owner } from './labels.ts';

/** Body of `POST /containers/create` for a task, after moby's executor `config`. */
export function createBody(task: Assignment, owner: Owner, attachments: readonly DockerAttachment[] = []) {
  const spec = task.container;
  if (!spec) throw new Error(`task ${task.taskId}: the assignment has no container spec`);
  return {
    Image: spec.image,
    Labels: labelsOf(task, owner),
    Env: [...spec.env, ...genericResourceEnv(task.genericResources)],
    ...(spec.hostname && { Hostname: spec.hostname }),
    ...(spec.user && { User: spec.user }),
    ...(spec.dir && { WorkingDir: spec.dir }),
    Tty: spec.tty,
    OpenStdin: spec.openStdin,
    ...(spec.stopSignal && { StopSignal: spec.stopSignal }),
    // Kept in the container, so that a leftover whose task nobody knows still gets its time.
    StopTimeout: graceSeconds(spec),
    ...command(spec),
    ...(spec.healthcheck && { Healthcheck: healthcheck(spec.healthcheck) }),
    ExposedPorts: Object.fromEntries(task.ports.map((port) => [portKey(port), {}])),
    HostConfig: { ...hostConfig(task), ...networkConfig(task, attachments) },
    ...(attachments[0] && {
      NetworkingConfig: {
        EndpointsConfig: { [attachments[0].network]: endpointConfig(task, attachments[0]) },
      },
    }),
  };
}

/**
 * Without any, Docker takes the options of the host's resolv.conf; if those name `ndots`, its resolver keeps names
 * without a dot, such as those of services, to itself. A lookup that is lost is soon tried again.
 */
const dnsOptions = ['timeout:1', 'attempts:3'];

/** A task on networks of the cluster asks this host for names; nobody else knows them. */
const networkConfig = ({ networkMode, container }: Assignment, attachments: readonly DockerAttachment[]) => ({
  ...(networkMode && { NetworkMode: networkMode }),
  ...(attachments[0] && { NetworkMode: attachments[0].network }),
  ...(attachments.some(({ gateway }) => gateway) && {
    Dns: attachments.flatMap(({ gateway }) => gateway || []),
    DnsOptions: [...dnsOptions, ...(container?.dns?.options ?? [])],
  }),
});

/** On a network that Docker serves by itself, it is told the names; on the others they are not its business. */
export const endpointConfig = (task: Assignment, { address }: DockerAttachment) =>
  address ? { IPAMConfig: { IPv4Address: address } } : { Aliases: [task.serviceName, task.taskName] };

/** `Command` replaces the image's entry point, `Args` only its command. */
const command = ({ command, args }: ContainerSpec) => ({
  ...(command.length > 0 && { Entrypoint: command }),
  ...(args.length > 0 && { Cmd: args }),
});

/** Zero means "as the image says" to Docker. */
const healthcheck = (from: HealthCheck) => ({
  ...(from.test.length > 0 && { Test: from.test }),
  Interval: from.interval,
  Timeout: from.timeout,
  StartPeriod: from.startPeriod,
  ...(from.startInterval > 0 && { StartInterval: from.startInterval }),
  Retries: from.retries,
});

/** `DOCKER_RESOURCE_GPU=uuid1,uuid2`, or an amount, as Swarm hands generic resources to a container. */
function genericResourceEnv(resources: readonly GenericResource[]): string[] {
  const byKind = Map.groupBy(resources, ({ kind }) => `DOCKER_RESOURCE_${kind}`.toUpperCase());
  return [...byKind].map(([key, all]) => `${key}=${all.map(({ name, amount }) => name || amount).join(',')}`);
}
