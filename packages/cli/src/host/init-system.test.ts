import { expect, it } from 'vitest';
import { inPlaceOf } from './init-system.ts';
import type { Program } from './programs.ts';

const before: Program = {
  name: 'manager',
  says: 'the manager of before',
  command: ['node'],
  env: {},
  leavesChildren: false,
};

/** Keeps what is asked of it. */
function anInit() {
  const done: string[] = [];
  const init = {
    remove: async (name: string) => void done.push(`remove ${name}`),
    start: async ({ says }: Program) => void done.push(`start ${says}`),
  };
  return { init, done };
}

it('a program runs again when what was to take its place failed', async () => {
  const { init, done } = anInit();
  const failing = () => Promise.reject(new Error('the disk is full'));
  await expect(inPlaceOf(init, 'manager', before, failing)).rejects.toThrow('the disk is full');
  expect(done).toEqual(['remove manager', 'start the manager of before']);
});

it('a program that something took the place of is gone, and none begins where there was none', async () => {
  const { init, done } = anInit();
  expect(await inPlaceOf(init, 'manager', before, async () => 'done')).toBe('done');
  const failing = () => Promise.reject(new Error('the disk is full'));
  await expect(inPlaceOf(init, 'manager', undefined, failing)).rejects.toThrow('the disk is full');
  expect(done).toEqual(['remove manager', 'remove manager']);
});
