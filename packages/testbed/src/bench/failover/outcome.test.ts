import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LoadSlot } from '../../load.ts';
import { measurement } from '../report.ts';
import { lines, type Outcome, recoveredAt, WINDOW_MS } from './outcome.ts';

/** One letter a tenth of a second: `.` all answered, `x` one failed, a blank without requests. */
const slots = (text: string): LoadSlot[] =>
  [...text].flatMap((letter, index) =>
    letter === ' ' ? [] : [{ atMs: index * 100, ok: 5, failed: letter === 'x' ? 1 : 0, maxMs: 1 }],
  );

test.each([
  ['nothing failed: at once', `${'.'.repeat(20)}`, 230, 230],
  ['errors from before do not count', `xx${'.'.repeat(20)}`, 230, 230],
  ['behind the last error', `...xx.xx${'.'.repeat(10)}`, 250, 800],
  ['the first window counts, whatever comes later', `..x${'.'.repeat(10)}xx`, 210, 300],
  ['a window too short', `..x${'.'.repeat(9)}x`, 210, undefined],
  ['no window spans a time without requests', `..x${'.'.repeat(6)} ${'.'.repeat(10)}`, 210, 1000],
  ['the load ended before', `..x${'.'.repeat(9)}`, 210, undefined],
  ['no load at all', '', 0, undefined],
])('%s', (_, text, from, at) => {
  expect(recoveredAt(slots(text), from)).toBe(at);
});

test('no request failed within the window, and no earlier one would do', () => {
  const text = fc.array(fc.constantFrom('.', '.', '.', '.', '.', '.', 'x'), { maxLength: 60 });
  fc.assert(
    fc.property(text, fc.nat({ max: 40 }), (letters, from) => {
      const all = slots(letters.join(''));
      const clean = (at: number) =>
        all.filter(({ atMs, failed }) => atMs >= at && atMs < at + WINDOW_MS && failed === 0).length === 10;
      const starts = all.map(({ atMs }) => atMs).filter((at) => at >= from * 100);
      expect(recoveredAt(all, from * 100)).toBe(starts.find(clean));
    }),
  );
});

const outcome = (change: Partial<Outcome> = {}): Outcome => ({
  kind: 'power',
  detected: 1.3,
  traffic: 1.2,
  running: 3.3,
  raw: 2,
  falselyDown: [],
  ...change,
});
const judged = (outcomes: readonly Outcome[]) =>
  Object.fromEntries(
    lines(outcomes).map((line) => {
      const { name, value, pass } = measurement(...line);
      return [name, { value, pass }];
    }),
  );

test('percentiles of each kind that was played', () => {
  const rounds = Array.from({ length: 20 }, (_, index) => outcome({ detected: 1 + index / 10 }));
  const found = judged(rounds);
  expect(found['power: detected, p50']).toEqual({ value: 2, pass: undefined });
  expect(found['power: detected, p95']).toEqual({ value: 2.9, pass: false });
  expect(found['power: traffic recovered, p95']).toEqual({ value: 1.2, pass: true });
  expect(Object.keys(found).filter((name) => !name.startsWith('power'))).toEqual([]);
  expect(judged([])).toEqual({});
});

test('replacing is judged by the raw start, and a dead daemon by 2 s more', () => {
  const name = 'replaced after detection, against raw start, p95';
  expect(judged([outcome({ running: 3.69 })])[`power: ${name}`]?.pass).toBe(true);
  expect(judged([outcome({ running: 3.71 })])[`power: ${name}`]?.pass).toBe(false);
  const daemon = 'daemon: all running, against 2 s + raw start, p95';
  expect(judged([outcome({ kind: 'daemon', running: 3.9 })])[daemon]?.pass).toBe(true);
  expect(judged([outcome({ kind: 'daemon', running: 4.1 })])[daemon]?.pass).toBe(false);
});

test('one false verdict is too many', () => {
  const name = 'cut: false verdicts in 2 rounds';
  const cut = outcome({ kind: 'cut' });
  expect(judged([cut, cut])[name]).toEqual({ value: 0, pass: true });
  expect(judged([cut, { ...cut, falselyDown: ['h1'] }])[name]).toEqual({ value: 1, pass: false });
});
