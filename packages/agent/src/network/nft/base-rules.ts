import { vxlanPort } from '@shoal/proto/rules';
import {
  encryptedVni,
  markMask,
  type Network,
  originMark,
  outboundMark,
  plainVni,
  publishedMark,
  wireguardLink,
} from '../state/index.ts';
import { type Chain, chain } from './table.ts';
import { type TcpTimeouts, tcpTimeouts, timeoutsName } from './tcp-timeouts.ts';

const ours = 'iifname "sh.n*"';
const fromVxlan = 'iifname "sh.vx*"';
const port = 'meta l4proto . th dport';

/** A connection's mark belongs to one of our classes. */
export const marked = (mark: number): string => `ct mark & ${hex(markMask)} == ${hex(mark)}`;
const hex = (value: number) => `0x${value.toString(16)}`;

/** When told that a port is closed, SCTP goes on trying for minutes; when told that the protocol is unknown, it gives up. */
export const refuseSctp = 'reject with icmp type prot-unreachable';

/** The type of an SCTP packet's first chunk stands behind the header of 12 bytes. */
const heartbeat = 'meta l4proto sctp @th,96,8 4';

/** Is the packet one of our VXLANs'? The number stands 96 bits behind the start of the UDP header. */
const vxlan = (vni: number) => `udp dport ${vxlanPort} @th,96,24 ${hex(vni)}`;

/** What the rules need to know of the host itself. */
export interface HostRules {
  /** Undefined where the kernel has no timeouts of one's own. */
  readonly timeouts: TcpTimeouts | undefined;
  /** Where the manager listens, while connection tracking is full and would drop what is sent there. */
  readonly untracked: readonly { readonly address: string; readonly port: number }[];
  /** Where it answers probes, and the managers' addresses: they may have no node on their hosts. Undefined: nowhere. */
  readonly probes:
    | { readonly address: string; readonly port: number; readonly managers: readonly string[] }
    | undefined;
}

/** For a host with a present kernel, no settings of its own and nothing wrong. */
export const usualRules: HostRules = {
  timeouts: tcpTimeouts(() => undefined),
  untracked: [],
  probes: undefined,
};

/**
 * The chains that packets enter, whatever the number of networks and services: those are elements of maps.
 * `ingress` is the network that published ports travel on, if this host takes part in it.
 */
export function baseChains(ingress: Network | undefined, host = usualRules): Map<string, Chain> {
  return new Map([
    [
      'arriving',
      chain([...untracked(host), ...arriving(ingress)], 'type filter hook prerouting priority raw;'),
    ],
    ['marking', chain(marking(ingress), 'type filter hook prerouting priority mangle;')],
    ['nat-in', chain(prerouting, 'type nat hook prerouting priority dstnat;')],
    // The name `dstnat` is refused for this hook.
    ['nat-out', chain(output, 'type nat hook output priority -100;')],
    ['local', chain([...vxlanInput, ...probes(host), ...input], 'type filter hook input priority -10;')],
    ['through', chain(forward, 'type filter hook forward priority -10;')],
    ['leaving', chain(leaving, 'type filter hook output priority 0;')],
    ['nat-after', chain([...timeouts(host), ...postrouting], 'type nat hook postrouting priority srcnat;')],
  ]);
}

/** Only while it is needed: each packet that the host sends would ask it. */
export const departingChain = (host: HostRules): [string, Chain][] =>
  host.untracked.length > 0
    ? [['departing', chain(untracked(host), 'type filter hook output priority raw;')]]
    : [];

/** A full table has no room for the agent's way to what would empty it. These packets need none. */
const untracked = (host: HostRules): string[] =>
  host.untracked.flatMap(({ address, port: of }) => [
    `ip daddr ${address} tcp dport ${of} notrack`,
    `ip saddr ${address} tcp sport ${of} notrack`,
  ]);

/** A chain for addresses is asked once for each connection, at its first packet: just when timeouts can be given. */
const timeouts = (host: HostRules): string[] =>
  host.timeouts
    ? ['iifname', 'oifname'].map(
        (device) => `meta l4proto tcp ${device} "sh.*" ct timeout set "${timeoutsName}"`,
      )
    : [];

/** Packets that came in through another host's published port: from a client outside, to an ingress address here. */
function foreign(ingress: Network | undefined): string | undefined {
  if (!ingress || ingress.slices.length === 0) return undefined;
  const here = `ip daddr { ${ingress.slices.join(', ')} }`;
  return `${fromVxlan} ${here} ip saddr != { ${ingress.subnets.join(', ')} }`;
}

function arriving(ingress: Network | undefined): string[] {
  const published = foreign(ingress);
  return [
    // Devices with route_localnet: nothing on the wire may be addressed to the loopback.
    'iifname "sh.*" ip daddr 127.0.0.0/8 drop',
    // A client may use one source port towards two hosts: in one zone the two connections would be the same.
    ...(published ? [`${published} ct original zone set ether saddr map @zones`] : []),
  ];
}

/** The way back of a published connection leads through the host that the client spoke to. */
function marking(ingress: Network | undefined): string[] {
  const published = foreign(ingress);
  return published
    ? [
        `${published} ct state new ct mark set ether saddr map @origins`,
        `${ours} ct direction reply ${marked(originMark)} meta mark set ct mark`,
      ]
    : [];
}

const publishedPorts = [
  `fib daddr type local ${port} @port_connections`,
  `fib daddr type local ${port} vmap @ports`,
];

const prerouting = [...publishedPorts, `${ours} ip daddr @vip_connections`, 'iifname . ip daddr vmap @vips'];

const output = publishedPorts;

/**
 * Frames of our VXLANs come from hosts of the cluster; those of the encrypted one out of WireGuard only. They are most of what
 * a host receives, so they go first and no further.
 */
const vxlanInput = [
  // Containers can send under a host's address, but not from where the way to that host begins.
  `meta iifkind "bridge" ${vxlan(plainVni)} fib saddr . iif oif missing drop`,
  `${vxlan(plainVni)} ip saddr @hosts accept`,
  `${vxlan(plainVni)} drop`,
  `${vxlan(encryptedVni)} iifname != "${wireguardLink}" drop`,
];

/**
 * Probes come from hosts of the cluster and managers. Others are refused and not ignored: a host that has not heard of a new one
 * yet, because it is cut off from the manager, must not look dead to it.
 */
const probes = ({ probes: at }: HostRules): string[] => {
  if (!at) return [];
  const others = at.managers.length > 0 ? ` ip saddr != { ${at.managers.join(', ')} }` : '';
  return [
    `ct state new tcp dport ${at.port} ip daddr ${at.address} ip saddr != @hosts${others} reject with tcp reset`,
  ];
};

const input = [
  // Names are for the containers of this host. Whoever routes through it reaches all of its addresses.
  `iifname != "sh.n*" iifname != "lo" ${port} { tcp . 53, udp . 53 } ip daddr @gateways drop`,
  // Through VXLAN containers talk to containers. Of the host itself the other hosts ask only whether it is there.
  'iifname "sh.vx*" ct state new meta l4proto != icmp drop',
  // Without an endpoint the port is closed, and no connection is remembered that a later endpoint would miss. One that
  // is there already is the host's own. `fib` comes last: it looks into the routes, and hardly a packet gets that far.
  `ct state new meta l4proto tcp ${port} @idle_ports fib daddr type local reject with tcp reset`,
  `ct state new meta l4proto sctp ${port} @idle_ports fib daddr type local ${refuseSctp}`,
  `ct state new ${port} @idle_ports fib daddr type local reject`,
  // Both ends of an SCTP connection name all of their addresses, and ask those of the other whether they live. A host
  // that has one of them, even if only the same one as the client's, knows no such connection, and would abort it.
  `iifname "sh.*" ${heartbeat} ct state new drop`,
];

const forward = [
  // Containers must not talk VXLAN to the hosts, not even when an answer seems to have come: they would get into other networks.
  `${vxlan(plainVni)} ip daddr @hosts drop`,
  `${vxlan(encryptedVni)} drop`,
  // Connections that were let through, and that nothing here counts: what goes straight to a container, and at a VIP's
  // endpoint everything.
  'ct state established,related ct mark 0 ct status ! dnat accept',
  'ct status dnat ct original ip daddr @vip_bytes',
  ...(['tcp', 'udp', 'sctp'] as const).map(
    (protocol) =>
      `${marked(publishedMark)} meta l4proto ${protocol} ct original proto-dst @${protocol}_bytes`,
  ),
  'ct state established,related accept',
  'iifname vmap @from_network',
  'oifname vmap @to_network',
  // What remains is transit: into VXLAN only through a published port, out of one never.
  `oifname "sh.vx*" ${marked(publishedMark)} accept`,
  'iifname "sh.*" drop',
  'oifname "sh.*" drop',
];

/**
 * A packet that leaves by the bridge it came from makes the kernel tell the container of a "shorter way" around
 * the load balancer.
 */
const leaving = [
  'oifname "sh.n*" icmp type redirect drop',
  // The other way round: the replica knows none at the published port.
  `oifname "sh.n*" ${heartbeat} ct state new drop`,
];

const postrouting = [
  // A container that reached itself must not see its own address as the other end.
  'ip saddr . ip daddr @hairpin masquerade',
  'oifname "sh.*" ip saddr 127.0.0.0/8 masquerade',
  `oifname != "sh.*" ${marked(outboundMark)} masquerade`,
];
