import { expect, it } from 'vitest';
import { readCounters, readTable } from './read.ts';

/** As nft 1.0.6 prints it. */
const listing = JSON.stringify({
  nftables: [
    { metainfo: { version: '1.0.6' } },
    { table: { family: 'ip', name: 'shoal' } },
    {
      map: {
        name: 'vips',
        type: ['ifname', 'ipv4_addr'],
        map: 'verdict',
        elem: [[{ concat: ['sh.n1', '10.1.0.5'] }, { goto: { target: 'vip-2' } }]],
      },
    },
    { map: { name: 'origins', elem: [['02:53:48:00:00:02', 1_397_227_522]] } },
    {
      map: {
        name: 'tcp_backends',
        elem: [[{ concat: [8080, 0] }, { concat: ['10.9.1.10', 80] }]],
      },
    },
    { set: { name: 'hosts', elem: ['192.0.2.1'] } },
    {
      set: {
        name: 'tcp_bytes',
        elem: [{ elem: { val: 8080, counter: { packets: 3, bytes: 180 } } }],
      },
    },
    { set: { name: 'hairpin' } },
    { chain: { name: 'vip-2' } },
    { rule: { chain: 'vip-2', comment: 'abc', expr: [] } },
    { rule: { chain: 'vip-2', expr: [] } },
  ],
});

it('reads a table in the words we write it in', () => {
  const { sets, chains } = readTable(listing);
  expect(
    Object.fromEntries([...sets].map(([name, elements]) => [name, Object.fromEntries(elements)])),
  ).toEqual({
    vips: { 'sh.n1 . 10.1.0.5': 'goto vip-2' },
    origins: { '02:53:48:00:00:02': '1397227522' },
    tcp_backends: { '8080 . 0': '10.9.1.10 . 80' },
    hosts: { '192.0.2.1': '' },
    tcp_bytes: { 8080: '' },
    hairpin: {},
  });
  expect(chains).toEqual(new Map([['vip-2', ['abc', '']]]));
});

it('reads counters', () => {
  expect(readCounters(listing)).toEqual(new Map([['8080', { packets: 3, bytes: 180 }]]));
});
