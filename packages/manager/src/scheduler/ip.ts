/** An address as 128 bits; IPv4 in its mapped form (`::ffff:a.b.c.d`), so that both spellings are equal. */
export interface IpAddress {
  readonly value: bigint;
  readonly v4: boolean;
}

export interface IpNetwork extends IpAddress {
  /** Leading bits that count, out of 128. */
  readonly bits: number;
}

const mappedPrefix = 0xffffn << 32n;

/** Undefined unless `text` is one IPv4 or IPv6 address (without port or zone). */
export function parseIp(text: string): IpAddress | undefined {
  const v4 = parseV4(text);
  if (v4 !== undefined) return { value: mappedPrefix | v4, v4: true };
  const value = parseV6(text);
  return value === undefined ? undefined : { value, v4: value >> 32n === 0xffffn };
}

/** Undefined unless `text` is `address/bits`. Host bits may be set; they do not count. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [host = '', length = '', ...more] = text.split('/');
  const address = parseIp(host);
  if (!address || more.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const short = address.v4 && !host.includes(':');
  const bits = Number(length) + (short ? 96 : 0);
  return bits > 128 ? undefined : { ...address, bits };
}

export const sameIp = (a: IpAddress, b: IpAddress): boolean => a.value === b.value;

/** An IPv6 network never holds an IPv4 address, not even `::/0`. */
export function networkHolds(network: IpNetwork, address: IpAddress): boolean {
  const shift = BigInt(128 - network.bits);
  return network.v4 === address.v4 && network.value >> shift === address.value >> shift;
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    // A leading zero means octal to some readers and decimal to others, so it is no address.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<bigint>(missing).fill(0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/** The 16-bit groups of one side of `::`; only the last side may end in dotted IPv4. */
function parseGroups(text: string, last: boolean): bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const v4 = last && index === parts.length - 1 ? parseV4(part) : undefined;
    if (v4 !== undefined) groups.push(v4 >> 16n, v4 & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}
