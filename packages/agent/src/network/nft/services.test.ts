import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoint, service } from '../state/builders.fixture.ts';
import { slotsOf } from './services.ts';

const hashed = (hosts: readonly number[]) =>
  service('web', {
    balance: 'source-hash',
    endpoints: hosts.map((host) => endpoint('web', host, { net1: `10.1.${host}.10` })),
  });

describe('slots', () => {
  it('of a random service are its endpoints, each once', () => {
    const web = service('web', {
      endpoints: [3, 1, 2].map((host) =>
        endpoint('web', host, { net1: `10.1.${host}.10`, net2: `10.2.${host}.10` }),
      ),
    });
    expect(slotsOf(web, 'net1')).toEqual(['10.1.1.10', '10.1.2.10', '10.1.3.10']);
    expect(slotsOf(web, 'other')).toEqual([]);
  });

  it('by source move only for the clients of an endpoint that goes', () => {
    const hosts = fc.uniqueArray(fc.integer({ min: 1, max: 250 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(hosts, (all) => {
        const before = slotsOf(hashed(all), 'net1');
        const after = slotsOf(hashed(all.slice(1)), 'net1');
        const gone = `10.1.${all[0]}.10`;
        for (const [slot, address] of before.entries())
          if (address !== gone) expect(after[slot]).toBe(address);
      }),
      { numRuns: 30 },
    );
  });

  it('by source give every endpoint about its share', () => {
    const slots = slotsOf(hashed([1, 2, 3, 4]), 'net1');
    for (const host of [1, 2, 3, 4]) {
      const share = slots.filter((address) => address === `10.1.${host}.10`).length / slots.length;
      expect(share).toBeGreaterThan(0.15);
      expect(share).toBeLessThan(0.35);
    }
  });
});
