import {
  type Block,
  covers,
  firstFree,
  formatAddress,
  formatBlock,
  freeBlocks,
  parseAddress,
  parseBlock,
  sizeOf,
} from '@shoal/proto/rules';
import type { Slice } from '../model/index.ts';

/** Networks get their subnets out of these when nobody names one. */
export const defaultPools: readonly Block[] = [parseBlock('10.0.0.0/8')];
/** A network starts with 4,096 addresses: one slice for service addresses, 63 for hosts. It grows by the same. */
export const defaultPrefix = 20;
/** 61 containers of one network on one host; a host that needs more gets another slice. */
const largestSlicePrefix = 26;
/** Five containers: the smallest slice worth a bridge. */
const smallestSlicePrefix = 29;

/** The range of a network that its services' own addresses (VIPs) come from. */
export const vipOwner = 'vip';

/** How a network is cut; all in CIDR form. */
export interface Cut {
  readonly subnets: readonly string[];
  readonly slices: readonly Slice[];
  /** Slices of the subnets that hold these come only out of them. */
  readonly ranges?: readonly string[];
  /** Addresses that nobody gets. */
  readonly reserved?: readonly string[];
  /** The network may get further subnets out of the pools. */
  readonly grows: boolean;
}

/** A free subnet, or undefined when the pools are used up. `taken`: other networks, and what hosts use themselves. */
export function freeSubnet(
  taken: readonly Block[],
  pools = defaultPools,
  prefix = defaultPrefix,
): Block | undefined {
  for (const pool of pools) {
    const block = firstFree(pool, prefix, taken);
    if (block) return block;
  }
  return undefined;
}

/** A 32nd of the network, within sensible bounds, so that small networks still serve many hosts. */
export const slicePrefix = (subnetPrefix: number): number =>
  Math.min(Math.max(subnetPrefix + 5, largestSlicePrefix), smallestSlicePrefix);

/** Addresses a slice offers: not the network's, the gateway's, the broadcast address or a reserved one. */
export function roomIn(cidr: string, reserved: readonly string[] = []): number {
  const { first, last } = addressesOf(cidr);
  const reservedHere = reserved
    .map(parseAddress)
    .filter((address = -1) => address >= first && address <= last);
  return last - first + 1 - reservedHere.length;
}

function addressesOf(cidr: string): { first: number; last: number } {
  const { base, prefix } = parseBlock(cidr);
  return { first: base + 2, last: base + sizeOf(prefix) - 2 };
}

export interface Need {
  readonly owner: string;
  /** Addresses wanted; 0 gives all slices back. */
  readonly addresses: number;
}

/**
 * The network's slices so that every owner has room for what it needs. Slices in use are never moved or shrunk
 * below the need; those of owners that need nothing are given back. `short` names owners that got too little.
 * `newSubnet` is told the subnets that the network has got by then.
 */
export function cutSlices<C extends Cut>(
  cut: C,
  needs: readonly Need[],
  newSubnet: (own: readonly string[]) => Block | undefined,
): { cut: C; short: string[] } {
  const wanted = new Map(needs.map(({ owner, addresses }) => [owner, addresses]));
  const slices = cut.slices.filter(({ owner }) => (wanted.get(owner) ?? 0) > 0);
  const subnets = [...cut.subnets];
  const room = new Map<string, number>();
  for (const slice of slices) giveRoom(slice);
  const free = freeSlices(cut, slices, subnets, newSubnet);
  const short: string[] = [];
  for (const { owner, addresses } of needs) {
    while ((room.get(owner) ?? 0) < addresses) {
      const { value: cidr } = free.next();
      if (!cidr) {
        short.push(owner);
        break;
      }
      const slice = { owner, cidr };
      slices.push(slice);
      giveRoom(slice);
    }
  }
  return { cut: { ...cut, subnets, slices }, short };

  function giveRoom({ owner, cidr }: Slice): void {
    room.set(owner, (room.get(owner) ?? 0) + roomIn(cidr, cut.reserved));
  }
}

/** Free slices one after the other; adds to `subnets` when those there are used up and the network may grow. */
function* freeSlices(
  { ranges = [], grows }: Cut,
  inUse: readonly Slice[],
  subnets: string[],
  newSubnet: (own: readonly string[]) => Block | undefined,
): Generator<string, undefined> {
  const taken = inUse.map(({ cidr }) => parseBlock(cidr));
  for (const cidr of subnets) yield* slicesOf(parseBlock(cidr));
  while (grows) {
    const block = newSubnet(subnets);
    if (!block) break;
    subnets.push(formatBlock(block));
    yield* slicesOf(block);
  }
  return undefined;

  function* slicesOf(subnet: Block): Generator<string> {
    const within = ranges.map(parseBlock).find((range) => covers(subnet, range)) ?? subnet;
    const prefix = Math.max(slicePrefix(subnet.prefix), within.prefix);
    for (const block of freeBlocks(within, prefix, taken)) yield formatBlock(block);
  }
}

/**
 * A free address in an owner's slices, never a gateway's; undefined when there is none. Earlier slices are filled
 * first, so that those it grew by become empty again. In each, the search begins at a place that follows from `seed`,
 * so that an address which has just become free is not the next one's at once: for a moment, others may still
 * believe it to be the former owner's.
 */
export function freeAddress(
  slices: readonly Slice[],
  taken: Pick<ReadonlySet<string>, 'has'>,
  seed: string,
): string | undefined {
  const start = hash(seed);
  for (const { cidr } of slices) {
    const { first, last } = addressesOf(cidr);
    const size = last - first + 1;
    for (let i = 0; i < size; i++) {
      const address = formatAddress(first + ((start + i) % size));
      if (!taken.has(address)) return address;
    }
  }
  return undefined;
}

/** FNV-1a, 32 bit. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value;
}
