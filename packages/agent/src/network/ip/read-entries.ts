import { query, readLinks } from '../kernel/index.ts';
import { encryptedVxlan, plainVxlan, routeProtocol, rulePriority, wireguardLink } from '../state/index.ts';
import { address, type Entry, forwarding, mainTable, neighbour, route, rule } from './entries.ts';

interface ListedNeighbour {
  readonly dst?: string;
  readonly lladdr?: string;
}
interface ListedForwarding {
  readonly mac: string;
  readonly dst?: string;
}
export interface ListedRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly table?: string;
}
export interface ListedRule {
  readonly priority: number;
  readonly iif?: string;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly table?: string;
  readonly goto?: number;
  readonly nop?: null;
}

/** All entries of ours that the kernel has. */
export async function readEntries(): Promise<Entry[]> {
  const links = await readLinks();
  const names = [plainVxlan, encryptedVxlan, wireguardLink];
  const ours = links.filter(({ name }) => names.includes(name));
  const vxlans = ours.filter(({ kind }) => kind === 'vxlan');
  const lists = await Promise.all([
    ...vxlans.map(({ name }) => readNeighbours(name)),
    ...vxlans.map(({ name }) => readForwarding(name)),
    readRoutes(),
    readRules(),
  ]);
  const addresses = ours.flatMap(({ name, addresses }) => addresses.map((block) => address(name, block)));
  return [...addresses, ...lists.flat()];
}

async function readNeighbours(device: string): Promise<Entry[]> {
  const listed = await query<ListedNeighbour>('ip', [
    '-4',
    'neigh',
    'show',
    'dev',
    device,
    'nud',
    'permanent',
  ]);
  return listed.flatMap(({ dst, lladdr }) => (dst && lladdr ? neighbour(device, dst, lladdr) : []));
}

async function readForwarding(device: string): Promise<Entry[]> {
  const listed = await query<ListedForwarding>('bridge', ['fdb', 'show', 'dev', device]);
  return listed.flatMap(({ mac, dst }) => (dst ? forwarding(device, mac, dst) : []));
}

async function readRoutes(): Promise<Entry[]> {
  const what = ['-4', 'route', 'show', 'table', 'all', 'proto', String(routeProtocol)];
  return (await query<ListedRoute>('ip', what)).map(toRoute);
}

export function toRoute({ dst, gateway, dev, table }: ListedRoute): Entry {
  const to = dst === 'default' || dst.includes('/') ? dst : `${dst}/32`;
  const number = table === undefined ? mainTable : Number(table);
  return route({ to, device: dev ?? '', via: gateway ?? '', table: number }, routeProtocol);
}

async function readRules(): Promise<Entry[]> {
  const listed = await query<ListedRule>('ip', ['-4', 'rule', 'show']);
  return listed
    .filter(({ priority }) => priority >= rulePriority.own && priority <= rulePriority.end)
    .map(toRule);
}

export function toRule(listed: ListedRule): Entry {
  const { priority, iif, fwmark, fwmask, table } = listed;
  const selector = [
    ...(iif ? [`iif ${iif}`] : []),
    ...(fwmark ? [`fwmark ${fwmark}${fwmask ? `/${fwmask}` : ''}`] : []),
  ].join(' ');
  const action = listed.goto ? `goto ${listed.goto}` : table ? `lookup ${table}` : 'nop';
  return rule(priority, selector, action, routeProtocol);
}
