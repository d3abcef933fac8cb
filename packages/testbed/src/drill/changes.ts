import type Docker from 'dockerode';

/** The parts of a service's spec that are changed here. */
export interface MutableSpec {
  TaskTemplate: { ContainerSpec: { Env?: string[] }; ForceUpdate?: number };
  Mode: { Replicated: { Replicas: number } };
}

/** Changes a service's spec as `docker service update` does: reads it, and writes it back by its version. */
export async function updateService(
  docker: Docker,
  name: string,
  change: (spec: MutableSpec) => void,
): Promise<void> {
  const service = docker.getService(name);
  const { Spec, Version } = (await service.inspect()) as { Spec: MutableSpec; Version: { Index: number } };
  change(Spec);
  // dockerode would send the version in the body, too.
  await service.update({ _query: { version: Version.Index }, _body: Spec });
}

/** As `docker node update --availability` does. */
export async function setAvailability(
  docker: Docker,
  hostname: string,
  wanted: 'active' | 'drain',
): Promise<void> {
  const node = docker.getNode(hostname);
  const { Spec, Version } = (await node.inspect()) as { Spec: object; Version: { Index: number } };
  await node.update({ _query: { version: Version.Index }, _body: { ...Spec, Availability: wanted } });
}
