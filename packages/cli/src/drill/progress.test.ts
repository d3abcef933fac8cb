import { PassThrough } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { expect, test } from 'vitest';
import { Progress } from './progress.ts';

const told = (tell: (progress: Progress) => void): string => {
  const out = new PassThrough();
  tell(new Progress(out as unknown as WriteStream));
  return String(out.read() ?? '');
};
const requests = (atMs: number, failed: number) =>
  ({ type: 'requests', atMs, ok: 6, failed, maxMs: 1 }) as const;

test('times count from the strike; losses are told once, and how many it were when they are over', () => {
  const text = told((progress) => {
    progress.tell({ type: 'mark', atMs: 10_000, mark: 'struck' });
    progress.tell({ type: 'node', atMs: 11_300, host: 'h3', state: 'down' });
    for (let slot = 0; slot < 30; slot++) progress.tell(requests(10_000 + slot * 100, slot < 5 ? 2 : 0));
  });
  expect(text.split('\n')).toEqual([
    '  +1.30 s  h3 is down',
    '  +0.00 s  requests fail',
    '  +1.40 s  no request has failed for a second; 10 were lost',
    '',
  ]);
});

test('no line at the bottom where there is no terminal', () => {
  expect(told((progress) => progress.tell(requests(0, 0)))).toBe('');
});
