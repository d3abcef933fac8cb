import { expect, test } from 'vitest';
import { measurement } from '../measure/report.ts';
import { lines, type Round, swarmLines } from './rounds.ts';

const round = (change: Partial<Round> = {}): Round => ({
  kind: 'host-power-loss',
  detected: 1.3,
  traffic: 1.2,
  running: 3.3,
  raw: 2,
  rawOnDefaultBridge: 1.7,
  falselyDown: [],
  ...change,
});
const judged = (all: readonly Round[]) =>
  Object.fromEntries(
    lines(all).map((line) => {
      const { name, value, pass } = measurement(...line);
      return [name, { value, pass }];
    }),
  );

test('percentiles of each kind that was played', () => {
  const rounds = Array.from({ length: 20 }, (_, index) => round({ detected: 1 + index / 10 }));
  const found = judged(rounds);
  expect(found['host-power-loss: detected, p50']).toEqual({ value: 2, pass: undefined });
  expect(found['host-power-loss: detected, p95']).toEqual({ value: 2.9, pass: false });
  expect(found['host-power-loss: traffic recovered, p95']).toEqual({ value: 1.2, pass: true });
  expect(Object.keys(found).filter((name) => !name.startsWith('host-power-loss'))).toEqual([]);
  expect(judged([])).toEqual({});
});

test('replacing is judged by the raw start, and a dead daemon by 2 s more', () => {
  const name = 'replaced after detection, against raw start, p95';
  expect(judged([round({ running: 3.69 })])[`host-power-loss: ${name}`]?.pass).toBe(true);
  expect(judged([round({ running: 3.71 })])[`host-power-loss: ${name}`]?.pass).toBe(false);
  expect(judged([round({ kind: 'daemon-kill' })])[`daemon-kill: ${name}`]?.pass).toBeUndefined();
  const daemon = 'daemon-kill: all running, against 2 s + raw start, p95';
  expect(judged([round({ kind: 'daemon-kill', running: 3.9 })])[daemon]?.pass).toBe(true);
  expect(judged([round({ kind: 'daemon-kill', running: 4.1 })])[daemon]?.pass).toBe(false);
});

test('one false verdict is too many', () => {
  const name = 'host-cut: false verdicts in 2 rounds';
  const cut = round({ kind: 'host-cut' });
  expect(judged([cut, cut])[name]).toEqual({ value: 0, pass: true });
  expect(judged([cut, { ...cut, falselyDown: ['h1'] }])[name]).toEqual({ value: 1, pass: false });
});

test("a peer's figures stand beside, and nothing is asked of them", () => {
  const all = [8, 9, 30].map((detected) => round({ kind: 'daemon-kill', detected, running: detected + 3 }));
  expect(swarmLines(all).map(([, name, value]) => [name, value])).toEqual([
    ['Docker Swarm, daemon-kill: detected, p50', 9],
    ['Docker Swarm, daemon-kill: all running, p50', 12],
  ]);
});
