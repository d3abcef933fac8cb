import type { Assignment, CreateBody } from '@shoal/proto';
import type { DockerAttachment } from '../network/index.ts';
import { bodyOf } from '../task/index.ts';
import { type Owner, ownerLabels } from './labels.ts';

/**
 * Without any, Docker takes the options of the host's resolv.conf; if those name `ndots`, its resolver keeps names
 * without a dot, such as those of services, to itself. A lookup that is lost is soon tried again.
 */
const dnsOptions = ['timeout:1', 'attempts:3'];

/** Body of `POST /containers/create` for a task: as the manager made it, with what only this host knows. */
export function createBody(task: Assignment, owner: Owner, attachments: readonly DockerAttachment[]) {
  const body = bodyOf(task);
  const [first] = attachments;
  return {
    ...body,
    Labels: { ...body.Labels, ...ownerLabels(task.taskId, owner) },
    ...(first && {
      HostConfig: { ...body.HostConfig, NetworkMode: first.network, ...nameServers(body, attachments) },
      NetworkingConfig: { EndpointsConfig: { [first.network]: endpointConfig(task, first) } },
    }),
  };
}

/** A task on networks of the cluster asks this host for names; nobody else knows them. */
function nameServers({ HostConfig }: CreateBody, attachments: readonly DockerAttachment[]) {
  const Dns = attachments.flatMap(({ gateway }) => gateway || []);
  return Dns.length > 0 && { Dns, DnsOptions: [...dnsOptions, ...(HostConfig?.DnsOptions ?? [])] };
}

/** On a network of Docker's own, Docker is told the names; on the cluster's it does not need them. */
export const endpointConfig = (task: Assignment, { address, driverOpts }: DockerAttachment) => ({
  ...(address ? { IPAMConfig: { IPv4Address: address } } : { Aliases: [task.serviceName, task.taskName] }),
  ...(Object.keys(driverOpts).length > 0 && { DriverOpts: driverOpts }),
});
