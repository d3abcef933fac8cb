import { containerName } from '@shoal/proto/rules';
import { vipOwner } from '../../allocator/index.ts';
import type { NetworkTraffic } from '../../insight/index.ts';
import {
  isDown,
  isIngressPort,
  isTerminal,
  knownState,
  type Network,
  type Service,
  slotOf,
  stateOf,
  type Task,
  type TaskState,
} from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { isVisible } from '../objects/index.ts';
import type { AnyNetwork } from './resolve.ts';

/** A network as `GET /networks` shows it. */
export function networkView(view: ReadView, network: AnyNetwork, asSwarm = false) {
  const { stored, predefined } = network;
  const spec = stored?.Spec ?? {};
  return {
    Name: stored?.Spec.Name ?? predefined?.name,
    Id: stored?.ID ?? predefined?.id,
    Created: stored?.CreatedAt ?? [...view.clusters.all()][0]?.CreatedAt ?? '',
    // Services reach the daemons' own networks as if they were the cluster's.
    Scope: stored || asSwarm ? 'swarm' : 'local',
    Driver: stored?.Spec.Driver ?? predefined?.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: 'default',
      Options: spec.IPAM?.Options ?? null,
      Config: stored ? ipamConfig(stored) : [],
    },
    Internal: spec.Internal ?? false,
    Attachable: spec.Attachable ?? false,
    Ingress: spec.Ingress ?? false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: spec.Options ?? {},
    Labels: spec.Labels ?? {},
  };
}

/** What was asked for, with the subnets that the network got. */
function ipamConfig({ Spec, shoal }: Network): object[] {
  const asked = Spec.IPAM?.Config ?? [];
  return shoal.subnets.map((Subnet) => ({ Subnet, ...asked.find((config) => config.Subnet === Subnet) }));
}

/** One network as `GET /networks/{id}` shows it; `verbose` adds the services on it. */
export function inspectView(view: ReadView, network: AnyNetwork, verbose: boolean, asSwarm: boolean) {
  const { stored } = network;
  return {
    ...networkView(view, network, asSwarm),
    ...(stored?.Spec.Driver === 'overlay' && { Peers: peersOf(view, stored) }),
    ...(stored && verbose && { Services: servicesOf(view, stored) }),
  };
}

/** Hosts that have a part of the network, and are there. */
function peersOf(view: ReadView, { shoal }: Network): { Name: string; IP: string }[] {
  const owners = new Set(shoal.slices.map(({ owner }) => owner));
  return [...owners].flatMap((owner) => {
    const node = view.nodes.get(owner);
    return node && !isDown(node)
      ? [{ Name: node.reported.description.Hostname ?? owner, IP: node.reported.address }]
      : [];
  });
}

function servicesOf(view: ReadView, network: Network): object {
  const services = view.services.by('network', network.ID).filter(isVisible);
  return Object.fromEntries(
    services.map((service) => [
      service.Spec.Name ?? '',
      {
        VIP: vipOn(service, network.ID) ?? '',
        Ports: (service.shoal.ports ?? [])
          .filter(isIngressPort)
          .map(({ TargetPort, PublishedPort }) => `Target: ${TargetPort}, Publish: ${PublishedPort}`),
        LocalLBIndex: 0,
        Tasks: endpointsOf(view, service, network.ID)
          .filter(({ state }) => !isTerminal(state))
          .map(({ task, address }) => ({
            Name: nameOf(service, task),
            EndpointID: task.ID,
            EndpointIP: address,
            Info: { 'Host IP': view.nodes.get(task.NodeID ?? '')?.reported.address ?? '' },
          })),
      },
    ]),
  );
}

const vipOn = ({ shoal }: Service, networkId: string): string | undefined =>
  shoal.attachments?.find((attachment) => attachment.networkId === networkId)?.vip;

const nameOf = ({ Spec }: Service, task: Task): string =>
  containerName(Spec.Name ?? '', slotOf(task), task.ID);

/** Who has an address there; also on hosts that are down, where they keep it. */
function endpointsOf(
  view: ReadView,
  { ID }: Service,
  networkId: string,
): { task: Task; state: TaskState; address: string }[] {
  return view.tasks.by('service', ID).flatMap((task) => {
    const attachment = task.shoal.attachments?.find((one) => one.networkId === networkId);
    if (!attachment || isTerminal(stateOf(task))) return [];
    return [{ task, state: knownState(task, view.nodes), address: attachment.address }];
  });
}

/**
 * `GET /shoal/v1/networks/{id}`: how the network is cut, everything that has an address in it, and what went
 * into its services.
 */
export function detailView(view: ReadView, { stored }: AnyNetwork, traffic: NetworkTraffic) {
  if (!stored) return { number: 0, subnets: [], slices: [], services: [], unanswered: [] };
  const { number, subnets, slices, ranges = [], reserved = [], grows } = stored.shoal;
  return {
    number,
    subnets,
    ranges,
    reserved,
    grows,
    slices: slices.map(({ owner, cidr, idleSince }) => ({
      cidr,
      ...(owner === vipOwner
        ? { services: true }
        : { node: owner, hostname: view.nodes.get(owner)?.reported.description.Hostname ?? '' }),
      ...(idleSince !== undefined && { idleSince }),
    })),
    services: view.services
      .by('network', stored.ID)
      .filter(isVisible)
      .map((service) => ({
        id: service.ID,
        name: service.Spec.Name ?? '',
        vip: vipOn(service, stored.ID) ?? null,
        endpoints: endpointsOf(view, service, stored.ID).map(({ task, state, address }) => ({
          task: task.ID,
          name: nameOf(service, task),
          node: task.NodeID ?? '',
          address,
          state,
        })),
        traffic: traffic.services.get(service.ID) ?? { connections: 0, bytes: 0, nodes: [] },
      })),
    unanswered: traffic.unanswered,
  };
}
