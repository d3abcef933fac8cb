import { endianness } from 'node:os';
import { type Block, blockOf, covers, formatBlock, hostNetworkPrefix } from '@shoal/proto/rules';

/** What a host reaches without a next host, CIDR. */
export interface HostLinks {
  /** Of Docker's default bridge; undefined for none. */
  readonly defaultBridge: string | undefined;
  readonly others: readonly string[];
}

/** Docker's name for it, unless `--bridge` names one that the host has by itself. */
const defaultBridge = 'docker0';
/** So many are told of: enough for any host, and a bound for one with a route to each of its virtual machines. */
const mostLinks = 64;
/** What is larger is a default route in parts, as VPNs have it, and no link. */
const largestPrefix = 8;

/**
 * The links in `/proc/net/route` (also of devices that are down for want of a carrier, as docker0 without a container).
 * Without ours (`sh.*`) and the bridges of networks that people or the cluster made in this Docker: those come and go,
 * and Docker itself refuses to make a network that overlaps one. `own`: the host's addresses.
 */
export function linksIn(routes: string, own: readonly string[]): HostLinks {
  let bridge: string | undefined;
  const others = new Set<string>();
  for (const line of routes.split('\n').slice(1)) {
    const [device = '', to = '', gateway = '', , , , , mask = ''] = line.trim().split(/\s+/);
    const length = prefixOf(mask);
    if (gateway !== '00000000' || isOurs(device) || length < largestPrefix || length === 32) continue;
    const block = blockOf(`${addressOf(to)}/${length}`);
    if (device === defaultBridge) bridge ??= formatBlock(block);
    else for (const part of partsOf(block, own)) others.add(formatBlock(part));
  }
  return { defaultBridge: bridge, others: [...others].sort().slice(0, mostLinks) };
}

const isOurs = (device: string) =>
  device === 'lo' || device === '*' || device.startsWith('sh.') || /^br-[0-9a-f]{12}$/.test(device);

function partsOf(block: Block, own: readonly string[]): Block[] {
  if (block.prefix >= hostNetworkPrefix) return [block];
  return own
    .filter((address) => covers(block, blockOf(address)))
    .map((address) => blockOf(`${address}/${hostNetworkPrefix}`));
}

/** The kernel prints the four bytes as one number of the processor's order. */
function addressOf(hex: string): string {
  const bytes = [...Buffer.from(hex, 'hex')];
  return (endianness() === 'LE' ? bytes.reverse() : bytes).join('.');
}

const prefixOf = (mask: string): number =>
  [...mask].reduce((sum, digit) => sum + ones(Number.parseInt(digit, 16)), 0);

const ones = (bits: number) => bits.toString(2).replaceAll('0', '').length;
