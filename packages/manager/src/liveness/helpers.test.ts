import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pickHelpers } from './helpers.ts';
import { byManager, type Probe } from './judge.ts';

interface Helper {
  readonly id: string;
  readonly address: string;
}

const on = (...addresses: string[]) => new Set(addresses);
const helpersOf = (
  suspectId: string,
  able: readonly Helper[],
  not: ReadonlySet<string>,
  mute: readonly string[] = [],
) => {
  const probes = mute.map((by): Probe => ({ by, answer: 'unknown' }));
  const rounds = [{ from: 0, to: 1, probes: [{ by: byManager, answer: 'silent' as const }, ...probes] }];
  const ids = able.map(({ id }) => id).sort();
  const addressOf = (id: string) => able.find((node) => node.id === id)?.address;
  return pickHelpers(suspectId, { ids, able: addressOf }, not, rounds);
};
const five = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, address: `10.0.0.${id}` }));

describe('helpers are', () => {
  it('the next three in the order of ids, round the end', () => {
    expect(helpersOf('a', five, on())).toEqual(['b', 'c', 'd']);
    expect(helpersOf('d', five, on())).toEqual(['e', 'a', 'b']);
    expect(helpersOf('z', five.toReversed(), on())).toEqual(['a', 'b', 'c']);
  });

  it('on hosts of their own: not the suspect’s, not the manager’s, no two on one', () => {
    const shared = [...five, { id: 'bb', address: '10.0.0.b' }];
    expect(helpersOf('a', shared, on('10.0.0.a', '10.0.0.c'))).toEqual(['b', 'd', 'e']);
    expect(helpersOf('a', five.slice(0, 2), on('10.0.0.a', '10.0.0.b'))).toEqual([]);
  });

  it('others than those that did not say what they found, as long as there are any', () => {
    expect(helpersOf('a', five, on(), ['b', 'c'])).toEqual(['d', 'e']);
    expect(helpersOf('a', five.slice(0, 3), on(), ['b', 'c'])).toEqual(['b', 'c']);
  });

  it('as many as there can be, three at most, and the same for the same question', () => {
    const nodes = fc.uniqueArray(
      fc.record({
        id: fc.string({ minLength: 1, maxLength: 3 }),
        address: fc.constantFrom('1', '2', '3', '4', '5', '6'),
      }),
    );
    fc.assert(
      fc.property(fc.string(), nodes, (suspect, candidates) => {
        const helpers = helpersOf(suspect, candidates, on('1'));
        const able = candidates.filter(({ id, address }) => id !== suspect && address !== '1');
        const hosts = new Set(able.map(({ address }) => address));
        expect(helpers).toHaveLength(Math.min(3, hosts.size));
        expect(helpersOf(suspect, candidates, on('1'))).toEqual(helpers);
      }),
    );
  });

  it('found without a look at all the others', () => {
    const ids = Array.from({ length: 1_000 }, (_, n) => `n${1_000 + n}`);
    let looks = 0;
    const able = (id: string) => {
      looks++;
      return id;
    };
    expect(pickHelpers('n1998', { ids, able }, on('n1999'), [])).toEqual(['n1000', 'n1001', 'n1002']);
    expect(looks).toBe(4);
  });

  it('asked about evenly often', () => {
    const asked = new Map<string, number>();
    for (const { id } of five)
      for (const helper of helpersOf(id, five, on())) asked.set(helper, (asked.get(helper) ?? 0) + 1);
    expect([...asked.values()]).toEqual([3, 3, 3, 3, 3]);
  });
});
