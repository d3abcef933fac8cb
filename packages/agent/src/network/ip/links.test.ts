import { describe, expect, it } from 'vitest';
import { toLink } from '../kernel/links.ts';
import { networkMtu, underlayMtu } from '../kernel/underlay.ts';
import { network, state } from '../state/builders.fixture.ts';
import { desiredVxlans, diffVxlans } from './links.ts';

const listed = {
  ifname: 'sh.vx',
  ifindex: 4,
  mtu: 1450,
  address: '02:53:48:00:00:01',
  flags: ['BROADCAST', 'UP'],
  linkinfo: { info_kind: 'vxlan', info_data: { id: 5_457_920, local: '192.0.2.1', port: 4789 } },
  addr_info: [{ family: 'inet', local: '198.18.0.1', prefixlen: 32 }],
};
const plain = desiredVxlans(state(), 1500);

describe('VXLAN devices', () => {
  it('are made', () => {
    expect(diffVxlans([], plain)).toEqual([
      'link add sh.vx mtu 1450 address 02:53:48:00:00:01 type vxlan id 5457920 dstport 4789 local 192.0.2.1 nolearning',
      'link set dev sh.vx up',
    ]);
  });

  it('of encrypted networks stand on WireGuard', () => {
    const encrypted = desiredVxlans(state({ networks: [network(2, { encrypted: true })] }), 1500);
    expect(diffVxlans([toLink(listed)], encrypted)).toEqual([
      'link add sh.vxe mtu 1390 address 02:53:48:00:00:01 type vxlan id 5457921 dev sh.wg dstport 4789 local 198.19.0.1 nolearning',
      'link set dev sh.vxe up',
    ]);
  });

  it('are left alone, mended, made anew or removed', () => {
    expect(diffVxlans([toLink(listed)], plain)).toEqual([]);
    expect(diffVxlans([toLink({ ...listed, mtu: 9000, flags: [] })], plain)).toEqual([
      'link set dev sh.vx mtu 1450',
      'link set dev sh.vx up',
    ]);
    expect(diffVxlans([toLink({ ...listed, address: '02:00:00:00:00:09' })], plain)[0]).toBe(
      'link del dev sh.vx',
    );
    expect(diffVxlans([toLink({ ...listed, master: 'br0' })], plain)).toEqual([
      'link set dev sh.vx nomaster',
    ]);
    for (const strange of [{ learning: true }, { link: 'eth1' }]) {
      const { info_kind, info_data } = listed.linkinfo;
      const found = { ...listed, linkinfo: { info_kind, info_data: { ...info_data, ...strange } } };
      expect(diffVxlans([toLink(found)], plain)[0]).toBe('link del dev sh.vx');
    }
    expect(diffVxlans([toLink({ ...listed, ifname: 'sh.vxe' }), toLink(listed)], plain)).toEqual([
      'link del dev sh.vxe',
    ]);
  });

  it('take the packet size from the device with the host address', () => {
    const links = [
      toLink(listed),
      toLink({
        ...listed,
        ifname: 'eth0',
        mtu: 9000,
        addr_info: [{ family: 'inet', local: '192.0.2.1', prefixlen: 24 }],
      }),
    ];
    expect(underlayMtu(links, '192.0.2.1')).toBe(9000);
    expect(() => underlayMtu(links, '203.0.113.1')).toThrow(/--advertise-addr/);
    expect(networkMtu(network(1), 1500)).toBe(1450);
    expect(networkMtu(network(1, { encrypted: true }), 1500)).toBe(1390);
    expect(networkMtu(network(1, { mtu: 1400 }), 1500)).toBe(1400);
    expect(networkMtu(network(1, { mtu: 9000 }), 1500)).toBe(1450);
  });
});
