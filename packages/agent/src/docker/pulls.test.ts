import { expect, it } from 'vitest';
import { Pulls } from './pulls.ts';

function registry() {
  const asked: string[] = [];
  const state = { now: 0, failure: '' };
  const pulls = new Pulls(
    async (image, auth) => {
      asked.push(`${image} ${auth}`.trim());
      return state.failure;
    },
    () => state.now,
  );
  const pull = (image: string, auth = '', signal = new AbortController().signal) =>
    pulls.pull(image, auth, signal);
  return { asked, state, pull };
}

it('asks once for many tasks at a time and shortly after each other', async () => {
  const { asked, state, pull } = registry();
  await Promise.all(Array.from({ length: 30 }, () => pull('app:1')));
  state.now = 29_000;
  await pull('app:1');
  expect(asked).toEqual(['app:1']);
  state.now = 31_000;
  await pull('app:1');
  expect(asked).toEqual(['app:1', 'app:1']);
});

it('keeps apart images and credentials', async () => {
  const { asked, pull } = registry();
  await Promise.all([pull('app:1'), pull('app:2'), pull('app:1', 'secret')]);
  expect(asked).toEqual(['app:1', 'app:2', 'app:1 secret']);
});

it('forgets a failure sooner', async () => {
  const { asked, state, pull } = registry();
  state.failure = 'no route';
  expect(await pull('app:1')).toBe('no route');
  state.failure = '';
  state.now = 2_000;
  expect(await pull('app:1')).toBe('no route');
  state.now = 4_000;
  expect(await pull('app:1')).toBe('');
  expect(asked).toHaveLength(2);
});

it('lets one go without disturbing the others', async () => {
  const { asked, pull } = registry();
  const abort = new AbortController();
  const leaving = pull('app:1', '', abort.signal);
  const staying = pull('app:1');
  abort.abort(new Error('no longer wanted'));
  await expect(leaving).rejects.toThrow('no longer wanted');
  expect(await staying).toBe('');
  expect(asked).toEqual(['app:1']);
});
