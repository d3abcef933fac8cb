import type { Endpoint, Network, NetworkState, Peer, ServiceEndpoints } from './state.ts';

export const peer = (number: number, more: Partial<Peer> = {}): Peer => ({
  nodeId: `node${number}`,
  number,
  address: `192.0.2.${number}`,
  ...more,
});

/** Network number n has 10.n.0.0/16, and host h's slice of it is 10.n.h.0/24. */
export function network(number: number, more: Partial<Network> = {}, hosts = 3): Network {
  const slice = (host: number) => `10.${number}.${host}.0/24`;
  return {
    id: `net${number}`,
    name: `net-${number}`,
    number,
    subnets: [`10.${number}.0.0/16`],
    slices: [slice(1)],
    peerSlices: Array.from({ length: hosts - 1 }, (_, index) => ({
      nodeId: `node${index + 2}`,
      slices: [slice(index + 2)],
    })),
    internal: false,
    encrypted: false,
    mtu: 0,
    ...more,
  };
}

export const endpoint = (
  service: string,
  slot: number,
  addresses: Record<string, string>,
  nodeId = 'node1',
): Endpoint => ({ taskId: `${service}-${slot}`, taskName: `${service}.${slot}`, nodeId, addresses });

export const service = (id: string, more: Partial<ServiceEndpoints> = {}): ServiceEndpoints => ({
  id,
  name: id,
  stack: '',
  mode: 'vip',
  balance: 'random',
  attachments: [],
  endpoints: [],
  published: [],
  ...more,
});

const byId = <T>(id: (each: T) => string, all: readonly T[]) => new Map(all.map((each) => [id(each), each]));

/** Host 1 of three, unless said otherwise. */
export const state = ({
  self = peer(1),
  peers = [peer(2), peer(3)],
  networks = [],
  services = [],
}: {
  self?: Peer;
  peers?: readonly Peer[];
  networks?: readonly Network[];
  services?: readonly ServiceEndpoints[];
} = {}): NetworkState => ({
  self,
  peers: byId(({ nodeId }) => nodeId, peers),
  networks: byId(({ id }) => id, networks),
  services: byId(({ id }) => id, services),
});
