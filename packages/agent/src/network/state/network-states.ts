import type * as proto from '@shoal/proto';
import { taskName } from '@shoal/proto/rules';
import type { ObjectsFor } from '../../assignments/index.ts';
import { Kept, type Making } from './kept.ts';
import type { Network, NetworkState, Peer, Protocol, ServiceEndpoints } from './state.ts';

export type NetworkObjects = ObjectsFor<'network'>;

/**
 * Puts the state of the network together from the objects that the manager sent. What is made of the same objects as the
 * time before is the same object: all that follows goes by that.
 */
export class NetworkStates {
  readonly #peers = new Kept<Peer>();
  readonly #networks = new Kept<Network>();
  readonly #services = new Kept<ServiceEndpoints>();
  #last: { readonly from: NetworkObjects; readonly state: NetworkState } | undefined;

  /** Undefined as long as this host is not among its peers. */
  of(from: NetworkObjects, nodeId: string): NetworkState | undefined {
    const self = from.peer.get(nodeId);
    if (!self) return undefined;
    const last = this.#last?.state.self.nodeId === nodeId ? this.#last : undefined;
    const isSame = (...kinds: (keyof NetworkObjects)[]) =>
      kinds.every((kind) => last?.from[kind] === from[kind]) ? last?.state : undefined;
    const state = {
      self,
      peers: isSame('peer')?.peers ?? this.#peers.of(others(from.peer, nodeId)),
      networks: isSame('network', 'slice')?.networks ?? this.#networks.of(overlays(from, nodeId)),
      services: isSame('service', 'endpoint')?.services ?? this.#services.of(services(from)),
    };
    this.#last = { from, state };
    return state;
  }
}

/** States with less than was told. As long as the same is left out of the same objects, the rest stays the same objects. */
export class Remainders {
  readonly #networks = new Kept<Network>();
  readonly #services = new Kept<ServiceEndpoints>();

  of(whole: NetworkState, left: NetworkState): NetworkState {
    return {
      ...left,
      networks: this.#networks.of(
        [...left.networks].map(([id, network]) => ({ id, parts: [network], make: () => network })),
      ),
      services: this.#services.of(
        [...left.services].map(([id, service]) => {
          const from = whole.services.get(id);
          const parts = from === service ? [] : [null, ...service.endpoints, ...service.published];
          return { id, parts: [from, ...parts], make: () => service };
        }),
      ),
    };
  }
}

function* others(peers: NetworkObjects['peer'], nodeId: string): Iterable<Making<Peer>> {
  for (const [id, peer] of peers)
    if (id !== nodeId && peer.address !== '') yield { id, parts: [peer], make: () => peer };
}

function* overlays({ network, slice }: NetworkObjects, nodeId: string): Iterable<Making<Network>> {
  const slices = Map.groupBy(slice.values(), ({ networkId }) => networkId);
  for (const [id, from] of network) {
    if (from.driver !== 'overlay') continue;
    const all = slices.get(id) ?? [];
    yield { id, parts: [nodeId, from, ...all], make: () => overlay(from, all, nodeId) };
  }
}

const overlay = (from: proto.Network, slices: readonly proto.Slice[], nodeId: string): Network => ({
  id: from.id,
  name: from.name,
  number: from.number,
  subnets: from.subnets,
  slices: slices.find((slice) => slice.nodeId === nodeId)?.blocks ?? [],
  peerSlices: slices
    .filter((slice) => slice.nodeId !== nodeId)
    .map((slice) => ({ nodeId: slice.nodeId, slices: slice.blocks })),
  internal: from.internal,
  encrypted: from.encrypted,
  mtu: from.mtu,
});

function* services({ service, endpoint }: NetworkObjects): Iterable<Making<ServiceEndpoints>> {
  const endpoints = Map.groupBy(endpoint.values(), ({ serviceId }) => serviceId);
  for (const [id, from] of service) {
    const all = endpoints.get(id) ?? [];
    const reached = all.filter(({ silent }) => !silent);
    const served = reached.length > 0 ? reached : all;
    yield { id, parts: [from, ...served], make: () => withEndpoints(from, served) };
  }
}

const withEndpoints = (from: proto.Service, endpoints: readonly proto.Endpoint[]): ServiceEndpoints => ({
  id: from.id,
  name: from.name,
  stack: from.stack,
  mode: from.dnsrr ? 'dnsrr' : 'vip',
  balance: from.sourceHash ? 'source-hash' : 'random',
  attachments: from.attachments,
  endpoints: endpoints.map(({ taskId, slot, nodeId, addresses }) => ({
    taskId,
    taskName: taskName(from.name, slot),
    nodeId,
    addresses,
  })),
  published: from.published.map(({ protocol, published, target }) => ({
    protocol: protocol as Protocol,
    published,
    target,
  })),
});
