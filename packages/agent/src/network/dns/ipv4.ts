/** IPv4 addresses as unsigned 32-bit numbers: cheap to compare, to keep by the thousand and to write out. */

export interface Subnet {
  readonly base: number;
  readonly mask: number;
}

/** Undefined for anything but four decimal numbers of 0 to 255. */
export function ipv4FromText(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

export const ipv4ToText = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;

/** `10.42.1.0/24`; undefined for anything else. */
export function subnetFromText(cidr: string): Subnet | undefined {
  const [address = '', prefix = ''] = cidr.split('/');
  const base = ipv4FromText(address);
  const length = Number(prefix);
  if (base === undefined || !/^\d{1,2}$/.test(prefix) || length > 32) return undefined;
  const mask = length === 0 ? 0 : (-1 << (32 - length)) >>> 0;
  return { base: (base & mask) >>> 0, mask };
}

export const contains = ({ base, mask }: Subnet, address: number): boolean => (address & mask) >>> 0 === base;

const reverseSuffix = '.in-addr.arpa';

/** The address that a name like `10.1.42.10.in-addr.arpa` asks about; undefined if it asks for no single one. */
export function ipv4FromReverseName(name: string): number | undefined {
  if (!name.endsWith(reverseSuffix)) return undefined;
  return ipv4FromText(name.slice(0, -reverseSuffix.length).split('.').reverse().join('.'));
}
