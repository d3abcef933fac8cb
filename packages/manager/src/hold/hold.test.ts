import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode } from '../testing.ts';
import { type Hold, hold } from './index.ts';

const open: Hold[] = [];
afterEach(async () => {
  for (const held of open.splice(0)) await held.close();
});

/** Of one node; `ask` says what its host answers. */
async function aHold(ask: () => Promise<unknown>): Promise<Hold> {
  const store = await TestStore.open(memoryBackend(), () => 0);
  await store.update((tx) => {
    tx.nodes.create(aNode('n1', { reported: { description: { Hostname: 'h1' } as never } }));
  });
  const held = hold(store, { madeAt: '2026-01-01T00:00:00.000Z' }, { ask, log: pino({ level: 'silent' }) });
  open.push(held);
  return held;
}

it.each([
  ['nothing', null],
  ['a number', 5],
  ['no list', { tasks: 5 }],
  ['a list of nothing', { tasks: [null] }],
])('a host that answers %s has not said what it runs', async (_what, said) => {
  const held = await aHold(async () => said);
  expect(await held.look()).toEqual({ absent: ['h1'], wouldStop: [], wouldStart: [] });
});

it('asks a host once, however many look at the same time', async () => {
  const answers: (() => void)[] = [];
  const held = await aHold(
    () => new Promise((resolve) => answers.push(() => resolve({ tasks: [{ taskId: 'x', running: true }] }))),
  );
  const looks = Promise.all([held.look(), held.look(), held.look()]);
  expect(answers).toHaveLength(1);
  for (const answer of answers) answer();
  expect((await looks).map(({ wouldStop }) => wouldStop.length)).toEqual([1, 1, 1]);
});
