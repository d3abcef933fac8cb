import { isIP } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';

type Interface = Pick<NetworkInterfaceInfo, 'address' | 'internal'>;

interface Name {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

const loopback = ['localhost', '127.0.0.1', '::1'];
const dnsName =
  /^(?=.{1,253}$)(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

/** Whether a certificate can say it. */
export const isName = (text: string): boolean => isIP(text) !== 0 || dnsName.test(text);

/** By what clients may know the API of this host: its name, its addresses but those of one link, and what else is given. */
export function apiNames(
  hostname: string,
  interfaces: Readonly<Record<string, readonly Interface[] | undefined>>,
  given: readonly string[],
): Name[] {
  const addresses = Object.values(interfaces)
    .flatMap((each) => each ?? [])
    .filter(({ internal, address }) => !internal && !/^(169\.254\.|fe80:)/i.test(address))
    .map(({ address }) => address);
  // A host may be called what no certificate can say.
  const all = new Set([...loopback, hostname, ...addresses, ...given].filter(isName));
  return [...all].map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }));
}
