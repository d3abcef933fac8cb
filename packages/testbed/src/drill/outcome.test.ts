import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LoadSlot } from '../load/load.ts';
import { DRILLS, type Drill } from './drills.ts';
import { outcomeOf, recoveredAt, WINDOW_MS } from './outcome.ts';
import type { DrillRecord } from './record.ts';
import type { DrillEvent } from './view.ts';

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

const drillNamed = (name: string): Drill => {
  const found = DRILLS.find((drill) => drill.name === name);
  if (!found) throw new Error(name);
  return found;
};
const node = (atMs: number, host: string, state: string): DrillEvent => ({ type: 'node', atMs, host, state });
const task = (atMs: number, id: string, slot: number, host: string, state = 'running', desired = 'running') =>
  ({ type: 'task', atMs, task: { id, slot, host, state, desired } }) as const;
const mark = (atMs: number, name: 'struck' | 'healed'): DrillEvent => ({ type: 'mark', atMs, mark: name });

/** Three hosts, three tasks; at 10 s h3 dies, at 20 s it is mended. */
const lossOfHost: readonly DrillEvent[] = [
  ...['h1', 'h2', 'h3'].map((host) => node(0, host, 'ready')),
  ...[1, 2, 3].map((slot) => task(1_000, `t${slot}`, slot, `h${slot}`)),
  mark(10_000, 'struck'),
  node(11_300, 'h3', 'down'),
  task(11_300, 't3', 3, 'h3', 'running', 'shutdown'),
  task(11_400, 't4', 3, 'h1', 'starting'),
  task(13_500, 't4', 3, 'h1'),
  mark(20_000, 'healed'),
  node(22_000, 'h3', 'ready'),
  task(22_100, 't3', 3, 'h3', 'shutdown', 'shutdown'),
  task(28_000, 't5', 3, 'h3', 'starting', 'ready'),
  task(30_000, 't5', 3, 'h3', 'running'),
  task(30_100, 't4', 3, 'h1', 'running', 'shutdown'),
  task(31_000, 't4', 3, 'h1', 'shutdown', 'shutdown'),
];
const record = (change: Partial<DrillRecord> = {}): DrillRecord => ({
  drill: 'host-power-loss',
  victim: 'h3',
  hosts: ['h1', 'h2', 'h3'],
  desired: 3,
  before: ['t1', 't2', 't3'],
  beginMs: 7_000,
  endMs: 33_000,
  events: lossOfHost,
  slots: Array.from({ length: 260 }, (_, index) => ({
    atMs: 7_000 + index * 100,
    ok: 5,
    failed: index >= 30 && index < 43 ? 1 : 0,
    maxMs: 1,
  })),
  failures: [],
  answers: [],
  containers: [
    { host: 'h1', task: 't1' },
    { host: 'h2', task: 't2' },
    { host: 'h3', task: 't5' },
  ],
  ...change,
});
const judged = (change: Partial<DrillRecord> = {}, name = 'host-power-loss') => {
  const outcome = outcomeOf(record(change), drillNamed(name));
  return {
    ...outcome,
    values: Object.fromEntries(outcome.figures.map((figure) => [figure.name, figure.value])),
    missed: outcome.figures.filter(({ pass }) => pass === false).map((figure) => figure.name),
    broken: outcome.invariants.filter(({ holds }) => holds === false).map((invariant) => invariant.name),
  };
};

test('a host that dies: each figure from its own moment', () => {
  const { values, passed, spread, missed, broken } = judged();
  expect(values).toEqual({
    detected: 1.3,
    'traffic recovered': 1.3,
    replaced: 3.5,
    returned: 2,
    balanced: 10.1,
    'requests sent': 260 * 5 + 13,
    'requests lost': 13,
    'tasks started': 2,
  });
  expect({ missed, broken }).toEqual({ missed: [], broken: [] });
  expect(spread).toEqual({ h1: 1, h2: 1, h3: 1 });
  expect(passed).toBe(true);
});

test('what never came is no figure, and misses its goal', () => {
  const events = lossOfHost.filter(({ atMs }) => atMs <= 11_400);
  const { values, missed, broken, passed } = judged({ events });
  expect(values).toMatchObject({
    detected: 1.3,
    replaced: undefined,
    returned: undefined,
    balanced: undefined,
  });
  expect(missed).toEqual(['replaced', 'balanced']);
  expect(broken).toEqual(['none lost', 'none orphaned']);
  expect(passed).toBe(false);
});

test('a drill that may change nothing is failed by a single new task and a single lost request', () => {
  expect(judged({}, 'agent-kill').missed).toEqual(['requests lost', 'tasks started']);
});

test('an even spread that did not last is none', () => {
  const events = [...lossOfHost, task(32_000, 't5', 3, 'h3', 'failed')];
  expect(judged({ events }).values.balanced).toBeUndefined();
});

test('a container of no task is an orphan; a task without a container is lost', () => {
  const containers = [...(record().containers ?? []), { host: 'h1', task: 't4' }];
  expect(judged({ containers }).broken).toEqual(['none orphaned']);
  expect(judged({ containers: containers.slice(1, 3) }).broken).toEqual(['none lost']);
  const unseen = judged({ containers: undefined });
  expect(unseen.invariants.find(({ name }) => name === 'none orphaned')?.holds).toBeUndefined();
  expect(unseen.passed).toBe(true);
});

test('a move that begins at the end loses nothing', () => {
  const events = [...lossOfHost, task(32_500, 't6', 2, 'h3', 'starting', 'ready')];
  expect(judged({ events }).broken).toEqual([]);
});

test('another host that is given up', () => {
  expect(
    judged({ events: [...lossOfHost, node(12_000, 'h1', 'down'), node(13_000, 'h1', 'ready')] }).broken,
  ).toContain('no other host given up');
});

test('the manager is away until it answers', () => {
  const events: DrillEvent[] = [
    ...lossOfHost.slice(0, 7),
    { type: 'manager', atMs: 10_100, answers: false },
    { type: 'manager', atMs: 11_500, answers: true },
    mark(20_000, 'healed'),
  ];
  const { values } = judged({ events, victim: 'h1' }, 'manager-kill');
  expect(values).toMatchObject({ detected: 0.1, 'tasks started': 0 });
});
