import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columns } from './table.ts';

test('cells stand below each other', () => {
  expect(
    columns([
      ['a', 'bbb', 'c'],
      ['aaaa', '', 'cc'],
    ]),
  ).toEqual(['a     bbb  c', 'aaaa       cc']);
});

test('a row a line, without blanks at its end, whatever is in it', () => {
  const rows = fc.array(fc.array(fc.string({ maxLength: 12 }), { minLength: 1, maxLength: 4 }));
  fc.assert(
    fc.property(rows, (cells) => {
      const lines = columns(cells);
      expect(lines).toHaveLength(cells.length);
      for (const line of lines) expect(line).toBe(line.trimEnd());
    }),
  );
});
