import { blockOf, covers, formatBlock, subtract } from '@shoal/proto/rules';
import {
  bridgesOf,
  encryptedVxlan,
  ingressName,
  markMask,
  type Network,
  type NetworkState,
  type Peer,
  plainVxlan,
  returnTable,
  routeProtocol,
  rulePriority,
  vxlanAddress,
  vxlanMac,
  vxlanOf,
  wireguardAddress,
  wireguardLink,
  wireguardRange,
} from '../state/index.ts';
import {
  address,
  type Entry,
  forwarding,
  mainTable,
  neighbour,
  type RouteParts,
  route,
  rule,
} from './entries.ts';

/** Everything of ours on these devices; what belongs to a device that is missing waits until that is there. */
export function desiredEntries(state: NetworkState, devices: ReadonlySet<string>): Entry[] {
  const networks = [...state.networks.values()];
  const self = state.self.number;
  const entries: Entry[] = [];
  if (devices.has(plainVxlan)) entries.push(...hosts(plainVxlan, state, ({ address }) => address));
  if (devices.has(encryptedVxlan))
    entries.push(...hosts(encryptedVxlan, state, ({ number }) => wireguardAddress(number)));
  if (devices.has(wireguardLink)) entries.push(address(wireguardLink, `${wireguardAddress(self)}/32`));
  const ways = waysBack(state);
  const routes = [
    ...(devices.has(wireguardLink) ? [link(wireguardRange, wireguardLink)] : []),
    ...hostRoutes(state),
    ...networks.flatMap((network) => networkRoutes(network, state.peers)),
    ...ways.routes,
  ];
  return [
    ...entries,
    ...routes.filter(({ device }) => devices.has(device)).map((parts) => route(parts, routeProtocol)),
    ...ways.rules,
  ];
}

/** This host's own address in a VXLAN, and where the other hosts are. */
const hosts = (device: string, { self, peers }: NetworkState, outer: (peer: Peer) => string): Entry[] => [
  address(device, `${vxlanAddress(self.number)}/32`),
  ...[...peers.values()].flatMap((peer) => [
    neighbour(device, vxlanAddress(peer.number), vxlanMac(peer.number)),
    forwarding(device, vxlanMac(peer.number), outer(peer)),
  ]),
];

const link = (to: string, device: string): RouteParts => ({ to, device, via: '', table: mainTable });

/** A connection through a published port of a host's loopback comes from the host's address in the VXLAN. */
const hostRoutes = ({ peers }: NetworkState) =>
  [...peers.values()].map(({ number }) => link(`${vxlanAddress(number)}/32`, plainVxlan));

/**
 * Own slices lead to their bridge, those of other hosts to these hosts. All other addresses of a subnet lead
 * into the VXLAN as well, where no one has them: a route away from the bridge is what makes the kernel answer
 * for VIPs when a container asks its link for them, and the packets end in the rules before they get there.
 */
function networkRoutes(network: Network, peers: ReadonlyMap<string, Peer>): RouteParts[] {
  const vxlan = vxlanOf(network);
  const own = network.slices.map(blockOf);
  const bridges = bridgesOf(network);
  const elsewhere = network.peerSlices.flatMap(({ nodeId, slices }) => {
    const peer = peers.get(nodeId);
    if (!peer) return [];
    const via = vxlanAddress(peer.number);
    return slices.map((slice) => ({
      to: formatBlock(blockOf(slice)),
      device: vxlan,
      via,
      table: mainTable,
    }));
  });
  const taken = new Set(elsewhere.map(({ to }) => to));
  const rest = network.subnets
    .flatMap((subnet) => subtract(blockOf(subnet), own).map(formatBlock))
    .filter((block) => !taken.has(block))
    .map((block) => link(block, vxlan));
  const here = bridges.flatMap(({ bridge, subnet }) =>
    own.filter((slice) => covers(blockOf(subnet), slice)).map((slice) => link(formatBlock(slice), bridge)),
  );
  return [...here, ...rest, ...elsewhere];
}

/**
 * The ways back to the hosts through which published connections come in, by their marks; only where replicas may be.
 * Once a kernel has had rules beside its own, it looks into two tables for each packet instead of one, until it boots.
 *
 * Only marked packets look at the list of hosts, and only those that pass through: VXLAN's own packets
 * inherit the mark of what they carry, and would go round in circles.
 */
function waysBack({ networks, peers }: NetworkState): { routes: RouteParts[]; rules: Entry[] } {
  const ingress = [...networks.values()].find(({ name }) => name === ingressName);
  if (!ingress || ingress.slices.length === 0) return { routes: [], rules: [] };
  const origins = [...peers.values()].map(({ number }) => ({
    via: vxlanAddress(number),
    table: returnTable(number),
  }));
  const end = `goto ${rulePriority.end}`;
  const fromMark = ({ table }: { table: number }) =>
    rule(rulePriority.origin, `fwmark 0x${table.toString(16)}`, `lookup ${table}`, routeProtocol);
  return {
    routes: origins.map((way) => ({ to: 'default', device: vxlanOf(ingress), ...way })),
    rules: [
      rule(rulePriority.own, 'iif lo', end, routeProtocol),
      rule(rulePriority.unmarked, `fwmark 0/0x${markMask.toString(16)}`, end, routeProtocol),
      ...origins.map(fromMark),
      rule(rulePriority.end, '', 'nop', routeProtocol),
    ],
  };
}
