import type { ContainerSpec, GenericResource, Task } from '../model/index.ts';
import { TemplateError } from '../template/index.ts';
import { expanded } from './expand.ts';
import { hostConfig, portKey } from './host-config.ts';
import type { Surroundings } from './surroundings.ts';

/** Docker's, when the spec says nothing. */
const defaultGraceSeconds = 10;

/** What a task and its container are called. */
export interface TaskNames {
  readonly serviceName: string;
  readonly containerName: string;
}

/**
 * Body of Docker's `POST /containers/create` for a task, after moby's daemon/cluster/executor/container/container.go.
 * What only its host knows is not in it: Docker networks, name servers, and the labels by which an agent knows its own.
 */
export function containerBody(task: Task, names: TaskNames, around: Surroundings) {
  const spec = expandedOrAsItIs(task.Spec.ContainerSpec ?? {}, around);
  return {
    Image: spec.Image ?? '',
    Labels: labels(task, spec, names),
    Env: [...(spec.Env ?? []), ...genericResourceEnv(task.placement?.genericResources ?? [])],
    ...(spec.Hostname && { Hostname: spec.Hostname }),
    ...(spec.User && { User: spec.User }),
    ...(spec.Dir && { WorkingDir: spec.Dir }),
    Tty: spec.TTY ?? false,
    OpenStdin: spec.OpenStdin ?? false,
    ...(spec.StopSignal && { StopSignal: spec.StopSignal }),
    // Kept in the container, so that a leftover whose task nobody knows still gets its time.
    StopTimeout: graceSeconds(spec),
    // `Command` replaces the image's entry point, `Args` only its command.
    ...(spec.Command?.length && { Entrypoint: spec.Command }),
    ...(spec.Args?.length && { Cmd: spec.Args }),
    ...(spec.Healthcheck && { Healthcheck: healthcheck(spec.Healthcheck) }),
    ExposedPorts: Object.fromEntries(task.shoal.ports.map((port) => [portKey(port), {}])),
    HostConfig: hostConfig(task, spec),
  };
}

/** What can't be filled in was refused when the service was written; no task that runs may go for it. */
function expandedOrAsItIs(spec: ContainerSpec, around: Surroundings): ContainerSpec {
  try {
    return expanded(spec, around);
  } catch (error) {
    if (error instanceof TemplateError) return spec;
    throw error;
  }
}

/** The user's labels, then those that Docker's own executor sets and tools look for. */
const labels = (task: Task, spec: ContainerSpec, { serviceName, containerName }: TaskNames) => ({
  ...spec.Labels,
  'com.docker.swarm.task': '',
  'com.docker.swarm.task.id': task.ID,
  'com.docker.swarm.task.name': containerName,
  'com.docker.swarm.node.id': task.NodeID ?? '',
  'com.docker.swarm.service.id': task.ServiceID,
  'com.docker.swarm.service.name': serviceName,
});

/** Between the stop signal and the kill. Docker counts whole seconds; a fraction is rounded up. */
const graceSeconds = ({ StopGracePeriod }: ContainerSpec): number =>
  StopGracePeriod == null ? defaultGraceSeconds : Math.ceil(StopGracePeriod / 1e9);

/** Zero means "as the image says" to Docker. */
const healthcheck = (from: NonNullable<ContainerSpec['Healthcheck']>) => ({
  ...(from.Test?.length && { Test: from.Test }),
  Interval: from.Interval ?? 0,
  Timeout: from.Timeout ?? 0,
  StartPeriod: from.StartPeriod ?? 0,
  ...(from.StartInterval && { StartInterval: from.StartInterval }),
  Retries: from.Retries ?? 0,
});

/** `DOCKER_RESOURCE_GPU=uuid1,uuid2`, or an amount, as Swarm hands generic resources to a container. */
function genericResourceEnv(resources: readonly GenericResource[]): string[] {
  const units = resources.map(({ NamedResourceSpec: named, DiscreteResourceSpec: counted }) => ({
    key: `DOCKER_RESOURCE_${named?.Kind ?? counted?.Kind ?? ''}`.toUpperCase(),
    value: named?.Value || (counted?.Value ?? 0),
  }));
  return [...Map.groupBy(units, ({ key }) => key)].map(
    ([key, all]) => `${key}=${all.map(({ value }) => value).join(',')}`,
  );
}
