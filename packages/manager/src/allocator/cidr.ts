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
  if (base % sizeOf(prefix) !== 0) {
    throw new Error(
      `invalid subnet ${text}: it should be ${formatBlock({ base: base - (base % sizeOf(prefix)), prefix })}`,
    );
  }
  return { base, prefix };
}

/** Undefined when `text` is no IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((value, part) => value * 256 + Number(part), 0);
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
