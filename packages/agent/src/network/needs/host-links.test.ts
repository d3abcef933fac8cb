import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { expect, it } from 'vitest';
import { linksIn } from './host-links.ts';

const hex = (address: string) => {
  const bytes = Buffer.from(address.split('.').map(Number));
  return (endianness() === 'LE' ? bytes.reverse() : bytes).toString('hex').toUpperCase();
};
const masks: Record<number, string> = {
  0: '0.0.0.0',
  1: '128.0.0.0',
  8: '255.0.0.0',
  12: '255.240.0.0',
  16: '255.255.0.0',
  20: '255.255.240.0',
  32: '255.255.255.255',
};
const route = (device: string, to: string, length: number, via = '0.0.0.0') =>
  [device, hex(to), hex(via), '0001', 0, 0, 0, hex(masks[length] ?? ''), 0, 0, 0].join('\t');
const links = (own: string[], ...routes: string[]) =>
  linksIn(`Iface\tDestination\tGateway\tFlags\n${routes.join('\n')}\n`, own);

it("are what the host reaches without a next host; Docker's default bridge apart", () => {
  const found = links(
    ['192.168.0.9'],
    route('eth0', '0.0.0.0', 0, '192.168.0.1'),
    route('eth0', '192.168.0.0', 16),
    route('eth0', '10.9.0.0', 16, '192.168.0.7'),
    route('docker0', '172.17.0.0', 16),
    route('virbr0', '10.40.16.0', 20),
  );
  expect(found).toEqual({ defaultBridge: '172.17.0.0/16', others: ['10.40.16.0/20', '192.168.0.0/16'] });
});

it("are not Shoal's, those of networks made in this Docker, and ways to single hosts or to the world", () => {
  const found = links(
    [],
    route('sh.n1', '10.0.0.0', 20),
    route('br-0123456789ab', '172.18.0.0', 16),
    route('*', '10.50.0.0', 16),
    route('cali1', '10.60.0.1', 32),
    route('ppp0', '0.0.0.0', 0),
    route('tun0', '128.0.0.0', 1),
  );
  expect(found).toEqual({ defaultBridge: undefined, others: [] });
});

it('are, of a very large one, what is around the own addresses; of docker0 all', () => {
  const found = links(
    ['10.3.4.5', '192.0.2.1'],
    route('eth1', '10.0.0.0', 8),
    route('docker0', '172.16.0.0', 12),
  );
  expect(found).toEqual({ defaultBridge: '172.16.0.0/12', others: ['10.3.0.0/16'] });
});

it('are bounded in number, and any text is read', () => {
  const many = Array.from({ length: 200 }, (_, i) => route(`eth${i}`, `10.${i}.0.0`, 16));
  expect(links([], ...many).others).toHaveLength(64);
  expect(links([], 'x', '', 'eth0\tzz\t00000000')).toEqual({ defaultBridge: undefined, others: [] });
  expect(() => linksIn(readFileSync('/proc/net/route', 'utf8'), [])).not.toThrow();
});
