import { createHash } from 'node:crypto';
import type { TcpTimeouts } from './tcp-timeouts.ts';

/** The one table of ours, `ip shoal`, as plain data. Values are numbers, addresses and names of our own making. */
export interface Table {
  /** Maps and sets by name. Fixed by the version of this code, see `shapeChain`. */
  readonly sets: ReadonlyMap<string, Elements>;
  readonly chains: ReadonlyMap<string, Chain>;
  /** Timeouts that the rules give to TCP connections, see `tcp-timeouts.ts`. Fixed by the start of the agent. */
  readonly timeouts?: TcpTimeouts;
}

/** What one cause brings into the table: the networks and hosts, or one service. */
export interface Part {
  readonly elements: ReadonlyMap<SetName, Elements>;
  readonly chains: ReadonlyMap<string, Chain>;
  readonly timeouts?: TcpTimeouts;
}

/**
 * The table by causes. A part that did not change is the same object as before, so that the cost of a change
 * does not grow with the number of services.
 */
export interface TablePlan {
  readonly base: Part;
  /** By service id. Services share chains: a part of `servicePart` names all that it uses. */
  readonly services: ReadonlyMap<string, Part>;
}

/** All of the parts in one. */
export function merge(parts: Iterable<Part>): Table {
  const sets = new Map(setNames.map((name): [SetName, Map<string, string>] => [name, new Map()]));
  const chains = new Map<string, Chain>();
  let timeouts: TcpTimeouts | undefined;
  for (const part of parts) {
    timeouts ??= part.timeouts;
    for (const [name, chain] of part.chains) chains.set(name, chain);
    for (const [name, elements] of part.elements)
      for (const [key, value] of elements) sets.get(name)?.set(key, value);
  }
  return { sets, chains, ...(timeouts && { timeouts }) };
}

/** Key → value, as nft writes them; the value is empty in a plain set. */
export type Elements = ReadonlyMap<string, string>;

export interface Chain {
  /** Hook of a base chain: `type nat hook prerouting priority dstnat;`. It never changes. */
  readonly base: string;
  readonly rules: readonly Rule[];
}

export interface Rule {
  /** Stands for the text in the kernel, as the rule's comment: what nft lists is not what it was told. */
  readonly id: string;
  readonly text: string;
}

export const tableName = 'shoal';

/**
 * How each map or set is declared. Keys with `numgen` in them can only be declared by `typeof`, which nft's JSON
 * of Debian 12 can't say; that is why transactions are written in nft's own language.
 */
export const setShapes: Readonly<Record<SetName, string>> = {
  vips: 'map vips { type ifname . ipv4_addr : verdict; }',
  backends: 'map backends { typeof ip daddr . numgen random mod 2 : ip daddr; }',
  ports: 'map ports { type inet_proto . inet_service : verdict; }',
  // One for each transport: nft 1.0.6 takes a rule for another protocol than the map's for a conflict.
  tcp_backends: 'map tcp_backends { typeof tcp dport . numgen random mod 2 : ip daddr . tcp dport; }',
  udp_backends: 'map udp_backends { typeof udp dport . numgen random mod 2 : ip daddr . udp dport; }',
  sctp_backends: 'map sctp_backends { typeof sctp dport . numgen random mod 2 : ip daddr . sctp dport; }',
  idle_ports: 'set idle_ports { type inet_proto . inet_service; }',
  hairpin: 'set hairpin { type ipv4_addr . ipv4_addr; }',
  from_network: 'map from_network { type ifname : verdict; }',
  to_network: 'map to_network { type ifname : verdict; }',
  hosts: 'set hosts { type ipv4_addr; }',
  gateways: 'set gateways { type ipv4_addr; }',
  zones: 'map zones { typeof ether saddr : ct zone; }',
  origins: 'map origins { type ether_addr : mark; }',
  vip_connections: 'set vip_connections { type ipv4_addr; counter; }',
  vip_bytes: 'set vip_bytes { type ipv4_addr; counter; }',
  port_connections: 'set port_connections { type inet_proto . inet_service; counter; }',
  tcp_bytes: 'set tcp_bytes { type inet_service; counter; }',
  udp_bytes: 'set udp_bytes { type inet_service; counter; }',
  sctp_bytes: 'set sctp_bytes { type inet_service; counter; }',
};

export const setNames = [
  'vips',
  'backends',
  'ports',
  'tcp_backends',
  'udp_backends',
  'sctp_backends',
  'idle_ports',
  'hairpin',
  'from_network',
  'to_network',
  'hosts',
  'gateways',
  'zones',
  'origins',
  'vip_connections',
  'vip_bytes',
  'port_connections',
  'tcp_bytes',
  'udp_bytes',
  'sctp_bytes',
] as const;
export type SetName = (typeof setNames)[number];

/** An empty chain whose name tells the shape of the table: of another shape, the table is made anew. */
export const shapeChain = (fixed: readonly string[]): string =>
  `shape-${shortHash([...Object.values(setShapes), ...fixed].join('\n'))}`;

export const rule = (text: string): Rule => ({ id: shortHash(text), text });

export const chain = (rules: readonly string[], base = ''): Chain => ({ base, rules: rules.map(rule) });

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
