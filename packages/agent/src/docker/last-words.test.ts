import { expect, it } from 'vitest';
import { lastWords } from './last-words.ts';

const frame = (stream: number, text: string): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};

it.each<[string, Buffer, string]>([
  ['nothing', Buffer.alloc(0), ''],
  [
    'frames of both streams',
    Buffer.concat([frame(1, 'begins\n'), frame(2, 'no database\n')]),
    'begins | no database',
  ],
  [
    'what a terminal shows',
    Buffer.from('\u001b[31mno\u001b[0m database\r\n\r\nbye\r\n'),
    'no database | bye',
  ],
  ['the last lines of many', frame(1, '1\n2\n3\n4\n5\n6\n7\n'), '3 | 4 | 5 | 6 | 7'],
  ['a frame that is cut short', frame(1, 'whole line\n').subarray(0, 13), 'whole'],
  ['a line that is two frames', Buffer.concat([frame(2, 'no data'), frame(2, 'base\n')]), 'no database'],
])('says the end of a log: %s', (_what, log, said) => {
  expect(lastWords(log)).toBe(said);
});

it('says no more than fits a message', () => {
  const said = lastWords(frame(1, `${'x'.repeat(10_000)}end\n`));
  expect(said).toHaveLength(500);
  expect(said.endsWith('xend')).toBe(true);
});
