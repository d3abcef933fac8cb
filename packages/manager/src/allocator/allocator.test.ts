import { firstFree, formatBlock, holds, overlaps, parseAddress, parseBlock } from '@shoal/proto/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PortConfig } from '../model/index.ts';
import { allocatePorts, PortTakenError } from './ports.ts';
import { type Cut, cutSlices, freeAddress, freeSubnet, type Need, roomIn, vipOwner } from './subnets.ts';

const block = fc
  .record({ address: fc.nat({ max: 2 ** 24 - 1 }), prefix: fc.integer({ min: 12, max: 30 }) })
  .map(({ address, prefix }) => {
    const base = 10 * 2 ** 24 + address;
    return { base: base - (base % 2 ** (32 - prefix)), prefix };
  });

describe('CIDR', () => {
  it('reads and writes', () => {
    expect(formatBlock(parseBlock('10.1.2.0/24'))).toBe('10.1.2.0/24');
    expect(parseAddress('256.1.1.1')).toBeUndefined();
    expect(() => parseBlock('10.1.2.3/24')).toThrow('invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24');
    expect(() => parseBlock('web')).toThrow('invalid CIDR address: web');
  });

  it('finds the first free block, and says so when there is none', () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 12 }), fc.integer({ min: 12, max: 24 }), (taken, prefix) => {
        const pool = parseBlock('10.0.0.0/8');
        const found = firstFree(pool, prefix, taken);
        const size = 2 ** (32 - prefix);
        const free = (base: number) => !taken.some((other) => overlaps({ base, prefix }, other));
        let first: number | undefined;
        for (let base = pool.base; first === undefined && base < pool.base + 2 ** 24; base += size)
          if (free(base)) first = base;
        expect(found?.base).toBe(first);
      }),
      { numRuns: 100 },
    );
  });
});

const owners = [vipOwner, 'n1', 'n2', 'n3'];
const needs = fc
  .record(Object.fromEntries(owners.map((owner) => [owner, fc.nat({ max: 150 })])))
  .map((row): Need[] => Object.entries(row).map(([owner, addresses]) => ({ owner, addresses })));

describe('slices', () => {
  it.each([
    ['10.0.0.0/20', true],
    ['10.9.0.0/24', false],
    ['10.9.0.0/28', false],
  ])(
    'of %s never overlap, never leak, never move while needed, and give all the room there is',
    (subnet, grows) => {
      fc.assert(
        fc.property(fc.array(needs, { minLength: 1, maxLength: 8 }), (history) => {
          let cut: Cut = { subnets: [subnet], slices: [], grows };
          for (const need of history) {
            const before = cut;
            const { cut: after, short } = cutSlices(cut, need, (own) => freeSubnet(own.map(parseBlock)));
            cut = after;
            const blocks = after.slices.map(({ cidr }) => parseBlock(cidr));
            blocks.forEach((a, i) => {
              expect(after.subnets.some((cidr) => holds(parseBlock(cidr), a.base))).toBe(true);
              expect(blocks.slice(i + 1).some((b) => overlaps(a, b))).toBe(false);
            });
            for (const { owner, addresses } of need) {
              const own = after.slices.filter((slice) => slice.owner === owner);
              const room = own.reduce((sum, { cidr }) => sum + roomIn(cidr), 0);
              if (addresses === 0) expect(own).toEqual([]);
              else {
                expect(room >= addresses || short.includes(owner)).toBe(true);
                expect(own).toEqual(
                  expect.arrayContaining(before.slices.filter((slice) => slice.owner === owner)),
                );
              }
              if (grows) expect(short).toEqual([]);
            }
          }
          expect(cutSlices(cut, [], () => undefined).cut.slices).toEqual([]);
        }),
        { numRuns: 100 },
      );
    },
  );

  it('keep to the range that was asked for', () => {
    const cut: Cut = { subnets: ['10.9.0.0/16'], slices: [], ranges: ['10.9.8.0/24'], grows: false };
    const { cut: after } = cutSlices(cut, [{ owner: 'n1', addresses: 100 }], () => undefined);
    expect(after.slices.map(({ cidr }) => cidr)).toEqual(['10.9.8.0/26', '10.9.8.64/26']);
  });

  it('give addresses that are neither the gateway, taken, nor the last', () => {
    const slices = [{ owner: vipOwner, cidr: '10.0.0.0/29' }];
    const taken = new Set<string>();
    for (;;) {
      const address = freeAddress(slices, taken, 'web');
      if (address === undefined) break;
      taken.add(address);
    }
    expect([...taken].toSorted()).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
  });
});

describe('published ports', () => {
  const nowhere = () => false;
  const tcp = (TargetPort: number, PublishedPort?: number) => ({
    TargetPort,
    ...(PublishedPort !== undefined && { PublishedPort }),
  });

  it('are refused with the name of the holder', () => {
    const taken = new Map([['tcp/80', { serviceId: 'id1', name: 'web', mode: 'ingress' as const }]]);
    expect(() => allocatePorts([tcp(8080, 80)], [], taken, nowhere)).toThrow(PortTakenError);
    expect(() => allocatePorts([tcp(8080, 80)], [], taken, nowhere)).toThrow(
      "port '80' is already in use by service 'web' (id1)",
    );
    expect(allocatePorts([{ ...tcp(53, 80), Protocol: 'udp' }], [], taken, nowhere)[0]?.PublishedPort).toBe(
      80,
    );
  });

  it('of hosts may be shared, but not with a port of every host', () => {
    const onHost = { ...tcp(8080, 80), PublishMode: 'host' as const };
    const held = (mode: 'ingress' | 'host') => new Map([['tcp/80', { serviceId: 'id1', name: 'web', mode }]]);
    expect(allocatePorts([onHost], [], held('host'), nowhere)[0]?.PublishedPort).toBe(80);
    expect(() => allocatePorts([onHost], [], held('ingress'), nowhere)).toThrow('as an ingress port');
    expect(() => allocatePorts([tcp(8080, 80)], [], held('host'), nowhere)).toThrow(
      'as a host-published port',
    );
  });

  it('without a number get a free one and keep it', () => {
    const taken = new Map([['tcp/30000', { serviceId: 'id1', name: 'web', mode: 'ingress' as const }]]);
    const first = allocatePorts([tcp(8080), tcp(9090), tcp(1, 30_002)], [], taken, nowhere);
    expect(first.map(({ PublishedPort }) => PublishedPort)).toEqual([30_001, 30_003, 30_002]);
    const again = allocatePorts([tcp(9090), tcp(8080)], first, taken, nowhere);
    expect(again.map(({ PublishedPort }) => PublishedPort)).toEqual([30_003, 30_001]);
  });

  it('without a number get one that no host listens on, and keep it when one does later', () => {
    const listensOn = (port: number) => (asked: PortConfig) =>
      asked.PublishedPort === port && asked.Protocol === 'tcp';
    const first = allocatePorts([tcp(8080)], [], new Map(), listensOn(30_000));
    expect(first.map(({ PublishedPort }) => PublishedPort)).toEqual([30_001]);
    expect(allocatePorts([tcp(8080)], first, new Map(), listensOn(30_001))).toEqual(first);
    const udp = [{ ...tcp(53), Protocol: 'udp' as const }];
    expect(allocatePorts(udp, [], new Map(), listensOn(30_000))[0]?.PublishedPort).toBe(30_000);
  });

  it('without a number get none that is needed otherwise, and lose one that is needed by now', () => {
    const needed = new Map([['tcp/30000', "the manager's API"]]);
    const first = allocatePorts([tcp(8080)], [], new Map(), nowhere, needed);
    expect(first.map(({ PublishedPort }) => PublishedPort)).toEqual([30_001]);
    const later = allocatePorts([tcp(8080)], first, new Map(), nowhere, new Map([['tcp/30001', 'probes']]));
    expect(later.map(({ PublishedPort }) => PublishedPort)).toEqual([30_000]);
  });
});
