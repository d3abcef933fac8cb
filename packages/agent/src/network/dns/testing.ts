/** Builders for tests: whole, valid objects of which a test names only what it is about. */
import type { Endpoint, Network, NetworkState, ServiceEndpoints } from '../state/state.ts';

type State = Pick<NetworkState, 'networks' | 'services'>;

/** The network `number` has the addresses 10.NUMBER.0.0/16. */
export const aNetwork = (name: string, number: number, change: Partial<Network> = {}): Network => ({
  id: `${name}-id`,
  name,
  number,
  subnets: [`10.${number}.0.0/16`],
  slices: [`10.${number}.1.0/24`],
  peerSlices: [],
  internal: false,
  encrypted: false,
  mtu: 0,
  ...change,
});

export const aServiceOn = (
  name: string,
  networks: readonly Network[],
  change: Partial<ServiceEndpoints> = {},
  number = 1,
): ServiceEndpoints => ({
  id: `${name}-id`,
  name,
  stack: '',
  mode: 'vip',
  balance: 'random',
  attachments: networks.map((network) => ({
    networkId: network.id,
    vip: change.mode === 'dnsrr' ? '' : `10.${network.number}.255.${number}`,
    aliases: [],
  })),
  endpoints: [],
  published: [],
  ...change,
});

/** Task ids have 25 letters and digits. */
export const taskId = (text: string): string => text.padEnd(25, '0');

export const anEndpoint = (
  taskName: string,
  networks: readonly Network[],
  number: number,
  id = taskId(`t${number}`),
): Endpoint => ({
  taskId: id,
  taskName,
  nodeId: 'node-1',
  addresses: Object.fromEntries(networks.map((network) => [network.id, `10.${network.number}.1.${number}`])),
});

export const aState = (networks: readonly Network[], services: readonly ServiceEndpoints[]): State => ({
  networks: new Map(networks.map((network) => [network.id, network])),
  services: new Map(services.map((service) => [service.id, service])),
});
