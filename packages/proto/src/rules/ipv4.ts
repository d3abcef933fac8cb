/*
 * Addresses are unsigned 32-bit numbers: cheap to compare and to keep by the thousand. The whole data path is IPv4, as
 * Swarm's overlay networks are by default.
 */

/** A block of IPv4 addresses: `10.0.16.0/20` is `{ base: 0x0a001000, prefix: 20 }`. */
export interface Block {
  readonly base: number;
  readonly prefix: number;
}

/** Throws when `text` is no IPv4 network in CIDR form, or has bits set behind its prefix. */
export function parseBlock(text: string): Block {
  const [address = '', length = ''] = text.split('/');
  const base = parseAddress(address);
  const prefix = /^\d{1,2}$/.test(length) ? Number(length) : 33;
  if (base === undefined || prefix > 32) throw new Error(`invalid CIDR address: ${text}`);
  const block = blockAt(base, prefix);
  if (block.base !== base) throw new Error(`invalid subnet ${text}: it should be ${formatBlock(block)}`);
  return block;
}

/** The smallest block that holds `10.42.1.7/24`: bits behind the prefix are cleared, and a lone address is a /32. Throws on anything else. */
export function blockOf(text: string): Block {
  const [address = '', length = '32', ...rest] = text.split('/');
  const prefix = /^\d{1,2}$/.test(length) ? Number(length) : 33;
  const value = parseAddress(address);
  if (value === undefined || prefix > 32 || rest.length > 0)
    throw new Error(`"${text}" is no block of IPv4 addresses`);
  return blockAt(value, prefix);
}

/** The block of this size that an address lies in. */
export const blockAt = (address: number, prefix: number): Block => ({
  base: address - (address % sizeOf(prefix)),
  prefix,
});

/** Of a large network that a host is in, this much around its address is kept free: else nothing would be left for the cluster's. */
export const hostNetworkPrefix = 16;

/** Undefined unless `text` is four decimal numbers of 0 to 255; a leading zero means octal to some readers, so it is no address. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((value, part) => value * 256 + Number(part), 0);
}

/** As `parseAddress`, but throws: so it also guards what goes into rules of the kernel. */
export function requireAddress(text: string): number {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`"${text}" is no IPv4 address`);
  return address;
}

export const formatAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
export const formatBlock = ({ base, prefix }: Block): string => `${formatAddress(base)}/${prefix}`;

/** Number of addresses. */
export const sizeOf = (prefix: number): number => 2 ** (32 - prefix);

export const overlaps = (a: Block, b: Block): boolean =>
  a.base < b.base + sizeOf(b.prefix) && b.base < a.base + sizeOf(a.prefix);

export const holds = (block: Block, address: number): boolean =>
  address >= block.base && address < block.base + sizeOf(block.prefix);

/** Whether `inner` lies in `outer` as a whole. */
export const covers = (outer: Block, inner: Block): boolean =>
  outer.prefix <= inner.prefix && holds(outer, inner.base);

/**
 * Blocks of the given size inside `within` that overlap none of `taken`, ascending. All of them cost
 * O(taken · log taken) beyond their own number.
 */
export function* freeBlocks(within: Block, prefix: number, taken: readonly Block[]): Generator<Block> {
  const size = sizeOf(prefix);
  const end = within.base + sizeOf(within.prefix);
  let base = within.base;
  for (const block of taken.toSorted((a, b) => a.base - b.base)) {
    for (; base + size <= Math.min(block.base, end); base += size) yield { base, prefix };
    const behind = block.base + sizeOf(block.prefix);
    if (behind > base) base = Math.ceil(behind / size) * size;
  }
  for (; base + size <= end; base += size) yield { base, prefix };
}

/** The first of `freeBlocks`. */
export function firstFree(within: Block, prefix: number, taken: readonly Block[]): Block | undefined {
  for (const block of freeBlocks(within, prefix, taken)) return block;
  return undefined;
}

/** What remains of a block without some others, as the fewest blocks, in order. */
export function subtract(block: Block, holes: readonly Block[]): Block[] {
  const inside = holes.filter((hole) => overlaps(block, hole));
  if (inside.length === 0) return [block];
  if (block.prefix === 32 || inside.some((hole) => covers(hole, block))) return [];
  const prefix = block.prefix + 1;
  return [block.base, block.base + sizeOf(prefix)].flatMap((base) => subtract({ base, prefix }, inside));
}
