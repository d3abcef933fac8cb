/** IPv4 blocks. The whole data path is IPv4, as Swarm's overlay networks are by default. */
export interface Block {
  /** First address, as a number. */
  readonly base: number;
  /** Length of the prefix, 0 … 32. */
  readonly length: number;
}

/** The number behind `10.0.0.1`; throws on anything else, so it also guards what goes into rules. */
export function parseAddress(text: string): number {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 255)) throw new Error(`"${text}" is no IPv4 address`);
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export const formatAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

/** `10.0.0.0/24`; a lone address is a /32. Bits behind the prefix are cleared. Throws on anything else. */
export function parseBlock(text: string): Block {
  const [address = '', prefix = '32', ...rest] = text.split('/');
  const length = Number(prefix);
  if (rest.length > 0 || !/^\d{1,2}$/.test(prefix) || length > 32)
    throw new Error(`"${text}" is no block of IPv4 addresses`);
  const value = parseAddress(address);
  return { base: value - (value % size(length)), length };
}

export const formatBlock = ({ base, length }: Block): string => `${formatAddress(base)}/${length}`;

export const contains = (outer: Block, inner: Block): boolean =>
  outer.length <= inner.length && inner.base - (inner.base % size(outer.length)) === outer.base;

/** What remains of a block without some others, as the fewest blocks, in order. */
export function subtract(block: Block, holes: readonly Block[]): Block[] {
  const inside = holes.filter((hole) => contains(block, hole) || contains(hole, block));
  if (inside.length === 0) return [block];
  if (block.length === 32 || inside.some((hole) => contains(hole, block))) return [];
  const length = block.length + 1;
  return [block.base, block.base + size(length)].flatMap((base) => subtract({ base, length }, inside));
}

const size = (length: number) => 2 ** (32 - length);
