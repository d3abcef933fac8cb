import { blockOf, covers, formatAddress, formatBlock, requireAddress, subtract } from '@shoal/proto/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('blocks of addresses', () => {
  it('reads and writes addresses', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(formatAddress(requireAddress(address))).toBe(address);
      }),
    );
  });

  it.each(['', '10.0.0', '10.0.0.256', '10.0.0.1;drop', '::1', '10.0.0.1/'])('refuses %j', (text) => {
    expect(() => blockOf(text)).toThrow(/IPv4/);
  });

  it('clears the bits behind the prefix', () => {
    expect(formatBlock(blockOf('10.42.1.7/24'))).toBe('10.42.1.0/24');
    expect(formatBlock(blockOf('10.42.1.7'))).toBe('10.42.1.7/32');
  });

  it('subtracts', () => {
    const rest = subtract(blockOf('10.0.0.0/22'), [blockOf('10.0.1.0/24')]);
    expect(rest.map(formatBlock)).toEqual(['10.0.0.0/24', '10.0.2.0/23']);
  });

  it('leaves exactly the addresses that no hole covers', () => {
    const block = blockOf('10.0.0.0/24');
    const hole = fc
      .tuple(fc.nat(255), fc.integer({ min: 22, max: 32 }))
      .map(([last, length]) => blockOf(`10.0.0.${last}/${length}`));
    fc.assert(
      fc.property(fc.array(hole, { maxLength: 6 }), (holes) => {
        const rest = subtract(block, holes);
        for (let last = 0; last < 256; last++) {
          const one = blockOf(`10.0.0.${last}`);
          const covering = rest.filter((each) => covers(each, one)).length;
          expect(covering).toBe(holes.some((each) => covers(each, one)) ? 0 : 1);
        }
      }),
    );
  });
});
