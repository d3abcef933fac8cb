import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ownerOnly } from './owner-only.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'shoal-owner-'));
});
afterEach(() => rmSync(parent, { recursive: true }));
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

it('makes a folder that is not there', () => {
  const folder = join(parent, 'a', 'b');
  expect(ownerOnly(folder, /./)).toEqual([]);
  expect(modeOf(folder)).toBe('700');
});

it('looks at the folder that a link leads to', () => {
  const folder = join(parent, 'disk');
  mkdirSync(folder, { mode: 0o700 });
  symlinkSync(folder, join(parent, 'state'));
  expect(ownerOnly(join(parent, 'state'), /./)).toEqual([]);
  chmodSync(folder, 0o755);
  expect(ownerOnly(join(parent, 'state'), /./)).toEqual([expect.stringContaining('had mode 755')]);
  expect(modeOf(folder)).toBe('700');
});

it('closes what is open to others, says so, and leaves alone what is not its own', () => {
  const folder = join(parent, 'state');
  const outside = join(parent, 'outside');
  mkdirSync(join(folder, 'inner'), { recursive: true });
  for (const path of [outside, join(folder, 'key'), join(folder, 'inner', 'file'), join(folder, 'closed')])
    writeFileSync(path, '');
  symlinkSync(outside, join(folder, 'link'));
  chmodSync(folder, 0o755);
  chmodSync(join(folder, 'inner'), 0o750);
  chmodSync(join(folder, 'inner', 'file'), 0o644);
  chmodSync(join(folder, 'closed'), 0o400);
  for (const path of [outside, join(folder, 'key')]) chmodSync(path, 0o644);

  const said = ownerOnly(folder, /^(inner|closed|link)$/);
  expect(said.map((line) => line.split(' ')[0]?.slice(folder.length)).sort()).toEqual([
    '',
    '/inner',
    '/inner/file',
  ]);
  expect(said.join()).toContain(
    'inner/file had mode 644, so that others than its owner could use it; now it is 600',
  );
  const modes = ['', 'inner', 'inner/file', 'closed', 'key', '../outside'].map((name) =>
    modeOf(join(folder, name)),
  );
  expect(modes).toEqual(['700', '700', '600', '400', '644', '644']);
  expect(ownerOnly(folder, /^(inner|closed|link)$/)).toEqual([]);
});
