import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bringStateBack, forgetStateCopies } from './state-copy.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const put = (...names: string[]) => {
  for (const name of names) writeFileSync(join(folder, name), name);
};
const there = () => readdirSync(folder).sort();

it('state of another format gives way to the copy of before, with all that belongs to it', () => {
  put('state.sqlite', 'state.sqlite-wal', 'state.sqlite-shm', 'state.sqlite.format-2', 'sealing.key');
  expect(bringStateBack(folder)).toBe(true);
  expect(there()).toEqual(['sealing.key', 'state.sqlite']);
  expect(readFileSync(join(folder, 'state.sqlite'), 'utf8')).toBe('state.sqlite.format-2');
});

it('state that was not written anew stays', () => {
  put('state.sqlite', 'state.sqlite-wal', 'state.sqlite.format-2.part');
  const before = there();
  expect(bringStateBack(folder)).toBe(false);
  expect(there()).toEqual(before);
});

it('copies of earlier upgrades are no way back from the next one', () => {
  put('state.sqlite', 'state.sqlite.format-1', 'state.sqlite.format-2', 'state.sqlite.format-2.part');
  mkdirSync(join(folder, 'audit'));
  forgetStateCopies(folder);
  expect(there()).toEqual(['audit', 'state.sqlite']);
  expect(bringStateBack(folder)).toBe(false);
});

it('a host without a manager has no state', () => {
  forgetStateCopies(join(folder, 'none'));
  expect(bringStateBack(join(folder, 'none'))).toBe(false);
});
