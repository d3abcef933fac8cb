import { expect, it } from 'vitest';
import { isFromHere } from './identity.ts';

it('a stream comes from the host itself when it has an address of it, by IPv4, IPv6 or IPv4 in IPv6', () => {
  const link = { netmask: '', mac: '', internal: false, cidr: null };
  const links = {
    lo: [{ ...link, family: 'IPv4' as const, address: '127.0.0.1' }],
    eth0: [
      { ...link, family: 'IPv4' as const, address: '192.0.2.7' },
      { ...link, family: 'IPv6' as const, address: '2001:db8::7', scopeid: 0 },
    ],
  };
  const here = ['127.0.0.1:4711', '192.0.2.7:4711', '2001:db8::7:4711', '::ffff:192.0.2.7:4711'];
  const elsewhere = ['192.0.2.70:4711', '2001:db8::8:4711', 'unknown', ''];
  expect(here.map((peer) => isFromHere(peer, links))).toEqual(here.map(() => true));
  expect(elsewhere.map((peer) => isFromHere(peer, links))).toEqual(elsewhere.map(() => false));
});
