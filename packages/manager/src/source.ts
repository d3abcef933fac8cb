/**
 * Whom to count an address as, as Node writes addresses: one of IPv4 itself, and for IPv6 its network of 64 bits. Whoever has
 * such a network has all its addresses (RFC 4291, section 2.5.1), and could come from another one each time.
 */
export function sourceOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [before = [], after = []] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
