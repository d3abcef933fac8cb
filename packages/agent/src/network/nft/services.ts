import { createHash } from 'node:crypto';
import { requireAddress } from '@shoal/proto/rules';
import {
  bridgesOf,
  type Endpoint,
  type Network,
  type NetworkState,
  type Protocol,
  publishedMark,
  type ServiceEndpoints,
} from '../state/index.ts';
import { type Chain, chain, type Part, type SetName } from './table.ts';

/**
 * Load balancing without a chain per service: `vips` leads to a chain that is shared by all services with as many
 * endpoints, which draws one of n slots, and `backends` says who sits in that slot of that service. So a change
 * of one endpoint is a few elements, whatever the number of services.
 *
 * `ingressId`: the network that published ports travel on. Throws on addresses and ports that are none.
 */
export function servicePart(
  service: ServiceEndpoints,
  state: NetworkState,
  ingressId: string | undefined,
): Part {
  const rules: Rules = { chains: new Map(), elements: new Map() };
  for (const { networkId, vip } of service.attachments)
    if (vip) addVip(rules, service, state.networks.get(networkId), vip);
  for (const each of service.published) addPort(rules, service, ingressId, each);
  for (const endpoint of service.endpoints) {
    if (endpoint.nodeId === state.self.nodeId) addHairpin(rules, endpoint);
    else if (service.published.length > 0) addReturn(rules, endpoint, state, ingressId);
  }
  return rules;
}

interface Rules {
  readonly chains: Map<string, Chain>;
  readonly elements: Map<SetName, Map<string, string>>;
}

/** Load-balances for containers of the network itself only: to others, its VIPs are addresses like any other. */
function addVip(rules: Rules, service: ServiceEndpoints, network: Network | undefined, vip: string): void {
  const bridges = network ? bridgesOf(network) : [];
  if (!network || bridges.length === 0) return;
  requireAddress(vip);
  put(rules, 'vip_connections', vip);
  put(rules, 'vip_bytes', vip);
  const slots = slotsOf(service, network.id);
  if (slots.length === 0) return;
  const name = `vip-${balancerName(service, slots.length)}`;
  const draw = `ip daddr . ${drawOf(service, slots.length)}`;
  rules.chains.set(name, chain([`dnat to ${draw} map @backends`]));
  for (const { bridge } of bridges) put(rules, 'vips', `${bridge} . ${vip}`, `goto ${name}`);
  for (const [slot, address] of slots.entries()) put(rules, 'backends', `${vip} . ${slot}`, address);
}

function addPort(
  rules: Rules,
  service: ServiceEndpoints,
  ingressId: string | undefined,
  { protocol, published, target }: ServiceEndpoints['published'][number],
): void {
  checkPort(published);
  checkPort(target);
  const key = `${protocol} . ${published}`;
  put(rules, 'port_connections', key);
  put(rules, bytesOf[protocol], String(published));
  const slots = ingressId === undefined ? [] : slotsOf(service, ingressId);
  if (slots.length === 0) {
    put(rules, 'idle_ports', key);
    return;
  }
  const name = `${protocol}-${balancerName(service, slots.length)}`;
  const draw = `${protocol} dport . ${drawOf(service, slots.length)}`;
  const backends = backendsOf[protocol];
  rules.chains.set(
    name,
    chain([
      `ct mark set 0x${publishedMark.toString(16)}`,
      // A port can only be translated once the transport is known.
      `meta l4proto ${protocol} dnat to ${draw} map @${backends}`,
    ]),
  );
  put(rules, 'ports', key, `goto ${name}`);
  for (const [slot, address] of slots.entries())
    put(rules, backends, `${published} . ${slot}`, `${address} . ${target}`);
}

const backendsOf: Readonly<Record<Protocol, SetName>> = {
  tcp: 'tcp_backends',
  udp: 'udp_backends',
  sctp: 'sctp_backends',
};

const bytesOf: Readonly<Record<Protocol, SetName>> = {
  tcp: 'tcp_bytes',
  udp: 'udp_bytes',
  sctp: 'sctp_bytes',
};

/** A container that its own service leads back to may have used any of its addresses. */
function addHairpin(rules: Rules, endpoint: Endpoint): void {
  const addresses = Object.values(endpoint.addresses);
  for (const address of addresses) {
    requireAddress(address);
    for (const other of addresses) put(rules, 'hairpin', `${address} . ${other}`);
  }
}

/** A host that another host's published port leads back to: it would take the packets for forged. */
function addReturn(
  rules: Rules,
  endpoint: Endpoint,
  { peers }: NetworkState,
  ingressId: string | undefined,
): void {
  const host = peers.get(endpoint.nodeId)?.address;
  const address = ingressId === undefined ? undefined : endpoint.addresses[ingressId];
  if (host && address) put(rules, 'hairpin', `${host} . ${address}`);
}

const balancerName = (service: ServiceEndpoints, slots: number) =>
  service.balance === 'source-hash' ? `hash-${slots}` : String(slots);

/** The seed is the same on all hosts: a client meets the same endpoint through each of them. */
const drawOf = (service: ServiceEndpoints, slots: number) =>
  service.balance === 'source-hash'
    ? `jhash ip saddr mod ${slots} seed 0x5348`
    : `numgen random mod ${slots}`;

/** Who sits in which slot, as addresses on a network. */
export function slotsOf(service: ServiceEndpoints, networkId: string): string[] {
  const addresses = service.endpoints
    .flatMap((endpoint) => endpoint.addresses[networkId] ?? [])
    .sort((a, b) => requireAddress(a) - requireAddress(b));
  return service.balance === 'source-hash' ? rendezvous(addresses) : addresses;
}

/**
 * Rendezvous hashing: each slot goes to the endpoint that it rates highest, so that an endpoint that comes or
 * goes moves only the clients of its own slots.
 */
function rendezvous(addresses: readonly string[]): string[] {
  if (addresses.length === 0) return [];
  const slots = 2 ** Math.ceil(Math.log2(Math.max(256, 8 * addresses.length)));
  const winners: { address: string; rating: number }[] = [];
  for (const address of addresses) {
    for (let slot = 0; slot < slots; slot++) {
      const rating = rate(address, slot);
      const winner = winners[slot];
      if (!winner || rating > winner.rating) winners[slot] = { address, rating };
    }
  }
  return winners.map(({ address }) => address);
}

const ratings = new Map<string, Uint32Array>();
const ratingsKept = 4_096;

/** Hashes are kept per endpoint, eight ratings to each: a service's slots are asked for at every change. */
function rate(address: string, slot: number): number {
  const key = `${address} ${slot >> 3}`;
  let known = ratings.get(key);
  if (!known) {
    const digest = createHash('sha256').update(key).digest();
    known = Uint32Array.from({ length: 8 }, (_, index) => digest.readUInt32LE(4 * index));
    if (ratings.size >= ratingsKept) ratings.clear();
    ratings.set(key, known);
  }
  return known[slot & 7] ?? 0;
}

function put(rules: Rules, set: SetName, key: string, value = ''): void {
  const elements = rules.elements.get(set);
  if (elements) elements.set(key, value);
  else rules.elements.set(set, new Map([[key, value]]));
}

function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`${port} is no port`);
}
