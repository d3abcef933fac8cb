import type * as proto from '@shoal/proto';
import type { Network, NetworkState, Peer, Protocol, ServiceEndpoints } from './state.ts';

export interface NetworkAssignments {
  readonly networks: ReadonlyMap<string, proto.Network>;
  readonly services: ReadonlyMap<string, proto.ServiceEndpoints>;
  readonly peers: ReadonlyMap<string, proto.Peer>;
}

/**
 * The state of the network as the manager sent it, or undefined as long as this host is not among its peers.
 * Objects and maps that came unchanged are the same as before: all that follows goes by that.
 */
export function networkState(from: NetworkAssignments, nodeId: string): NetworkState | undefined {
  const self = from.peers.get(nodeId);
  if (!self) return undefined;
  return {
    self: peer(self),
    peers: others(from.peers, nodeId),
    networks: overlays(from.networks),
    services: services(from.services),
  };
}

/** Remembers the newest result for as long as its source lives. */
function memo<S extends object, R>(convert: (source: S) => R): (source: S) => R {
  const results = new WeakMap<S, { readonly result: R }>();
  return (source) => {
    const known = results.get(source);
    if (known) return known.result;
    const result = convert(source);
    results.set(source, { result });
    return result;
  };
}

const peer = memo(
  ({ nodeId, number, address, key }: proto.Peer): Peer => ({ nodeId, number, address, ...(key && { key }) }),
);

const othersOf = memo(
  (_peers: ReadonlyMap<string, proto.Peer>) => new Map<string, ReadonlyMap<string, Peer>>(),
);
function others(peers: ReadonlyMap<string, proto.Peer>, nodeId: string): ReadonlyMap<string, Peer> {
  const bySelf = othersOf(peers);
  const rest = [...peers.values()].filter((each) => each.nodeId !== nodeId && each.address !== '');
  const found = bySelf.get(nodeId) ?? new Map(rest.map((each) => [each.nodeId, peer(each)]));
  bySelf.set(nodeId, found);
  return found;
}

const network = memo(
  (from: proto.Network): Network => ({
    id: from.id,
    name: from.name,
    number: from.number,
    subnets: from.subnets,
    slices: from.slices,
    peerSlices: from.peerSlices,
    internal: from.internal,
    encrypted: from.encrypted,
    mtu: from.mtu,
  }),
);
const overlays = memo((networks: ReadonlyMap<string, proto.Network>) => {
  const found = [...networks.values()].filter(({ driver }) => driver === 'overlay');
  return new Map(found.map((each) => [each.id, network(each)]));
});

const service = memo(
  (from: proto.ServiceEndpoints): ServiceEndpoints => ({
    id: from.id,
    name: from.name,
    stack: from.stack,
    mode: from.dnsrr ? 'dnsrr' : 'vip',
    balance: from.sourceHash ? 'source-hash' : 'random',
    attachments: from.attachments,
    endpoints: from.endpoints.map(({ taskId, taskName, nodeId, addresses }) => ({
      taskId,
      taskName,
      nodeId,
      addresses: Object.fromEntries(addresses.map(({ networkId, address }) => [networkId, address])),
    })),
    published: from.published.map(({ protocol, published, target }) => ({
      protocol: protocol as Protocol,
      published,
      target,
    })),
  }),
);
const services = memo(
  (from: ReadonlyMap<string, proto.ServiceEndpoints>) =>
    new Map([...from.values()].map((each) => [each.id, service(each)])),
);
