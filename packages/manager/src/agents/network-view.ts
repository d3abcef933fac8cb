import type * as proto from '@shoal/proto';
import { neededFor, portsNeededEverywhere } from '../allocator/needed-ports.ts';
import { vipOwner } from '../allocator/subnets.ts';
import {
  isIngressPort,
  mtuOf,
  type Network,
  type Node,
  type Service,
  type ServiceAttachment,
  type Task,
} from '../model/index.ts';
import type { ReadView } from '../store/index.ts';

/** The network is the node's business: it has a part of it, or forwards published ports on it. */
export function needsNetwork(view: ReadView, network: Network, nodeId: string): boolean {
  if (network.Spec.Ingress || network.shoal.slices.some(({ owner }) => owner === nodeId)) return true;
  if (network.Spec.Driver === 'overlay') return false;
  return view.tasks.by('node', nodeId).some((task) => task.shoal.networks?.includes(network.ID));
}

/** The node has containers that may call the service, or answers its published ports. */
export function needsService(view: ReadView, service: Service, nodeId: string): boolean {
  if (service.shoal.ports?.some(isIngressPort)) return true;
  return (service.shoal.attachments ?? []).some(({ networkId }) =>
    view.networks.get(networkId)?.shoal.slices.some(({ owner }) => owner === nodeId),
  );
}

/** Every node that needs the service; with published ports, all of them. */
export function nodesNeeding(view: ReadView, service: Service, all: Iterable<string>): Iterable<string> {
  if (service.shoal.ports?.some(isIngressPort)) return all;
  const owners = new Set<string>();
  for (const { networkId } of service.shoal.attachments ?? []) {
    for (const { owner } of view.networks.get(networkId)?.shoal.slices ?? []) owners.add(owner);
  }
  return owners;
}

/** The task may get traffic now. One that runs with an error (its container is unhealthy) may not. */
export const isEndpoint = (task: Task): boolean =>
  task.Status.State === 'running' &&
  !task.Status.Err &&
  task.DesiredState === 'running' &&
  (task.shoal.attachments?.length ?? 0) > 0;

/** The task has all the addresses it needs before its container can be made. */
export const hasAddresses = ({ shoal }: Task): boolean =>
  (shoal.networks?.length ?? 0) === (shoal.attachments?.length ?? 0);

export function toNetwork(network: Network, nodeId: string): proto.Network {
  const peers = new Map<string, string[]>();
  for (const { owner, cidr } of network.shoal.slices) {
    if (owner !== vipOwner) peers.set(owner, [...(peers.get(owner) ?? []), cidr]);
  }
  const slices = peers.get(nodeId) ?? [];
  peers.delete(nodeId);
  const options = network.Spec.Options ?? {};
  return {
    id: network.ID,
    name: network.Spec.Name ?? '',
    number: network.shoal.number,
    driver: network.Spec.Driver ?? 'overlay',
    subnets: [...network.shoal.subnets],
    slices,
    peerSlices: [...peers].map(([owner, cidrs]) => ({ nodeId: owner, slices: cidrs })),
    internal: network.Spec.Internal ?? false,
    encrypted: 'encrypted' in options,
    mtu: mtuOf(network.Spec),
    options,
  };
}

/**
 * `silent`: nodes that nobody reaches; what runs there gets no traffic. Unless that is all there is: then it may as
 * well be the manager that reaches nobody, and while its agents still hear it, it must not tell them to serve no one.
 */
export function toServiceEndpoints(
  view: ReadView,
  service: Service,
  silent: ReadonlySet<string>,
): proto.ServiceEndpoints {
  const { Spec, shoal } = service;
  const labels = Spec.Labels ?? {};
  const name = Spec.Name ?? '';
  const endpoints = view.tasks.by('service', service.ID).filter(isEndpoint);
  const reached = endpoints.filter(({ NodeID = '' }) => !silent.has(NodeID));
  return {
    id: service.ID,
    name,
    stack: labels['com.docker.stack.namespace'] ?? '',
    dnsrr: Spec.EndpointSpec?.Mode === 'dnsrr',
    sourceHash: labels['shoal.lb'] === 'source-hash',
    attachments: (shoal.attachments ?? []).map((attachment) => ({
      networkId: attachment.networkId,
      vip: attachment.vip ?? '',
      aliases: aliasesOn(service, attachment),
    })),
    endpoints: (reached.length > 0 ? reached : endpoints).map((task) => ({
      taskId: task.ID,
      taskName: `${name}.${task.Slot ?? task.NodeID}`,
      nodeId: task.NodeID ?? '',
      // On a bridge network each host's daemon gives its own: nobody else can reach them.
      addresses: (task.shoal.attachments ?? [])
        .filter(({ address }) => address !== '')
        .map(({ networkId, address }) => ({ networkId, address })),
    })),
    // Taken by the manager since, or published under an older version: it would lead away what Shoal needs itself.
    published: (shoal.ports ?? [])
      .filter((port) => isIngressPort(port) && neededFor(port, portsNeededEverywhere(view)) === undefined)
      .map((port) => ({
        protocol: port.Protocol ?? 'tcp',
        target: port.TargetPort ?? 0,
        published: port.PublishedPort ?? 0,
        name: port.Name ?? '',
      })),
  };
}

export const toPeer = (node: Node): proto.Peer => ({
  nodeId: node.ID,
  number: node.allotted.number,
  address: node.reported.address,
  key: node.reported.key ?? '',
});

function aliasesOn({ Spec }: Service, { networkId }: ServiceAttachment): string[] {
  const wanted = Spec.TaskTemplate?.Networks ?? Spec.Networks ?? [];
  return wanted.find(({ Target }) => Target === networkId)?.Aliases ?? [];
}
