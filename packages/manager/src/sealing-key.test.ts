import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readSealingKey } from './sealing-key.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-key-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('is made once, for its owner alone', () => {
  const path = join(folder, 'key');
  const key = readSealingKey(path, true);
  expect(key).toHaveLength(32);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readSealingKey(path, false)).toEqual(key);
});

it('is refused where it is missing, can be read by others, or is not whole', () => {
  const path = join(folder, 'key');
  expect(() => readSealingKey(path, false)).toThrow(`${path} is missing`);
  readSealingKey(path, true);
  chmodSync(path, 0o640);
  expect(() => readSealingKey(path, false)).toThrow('mode 640');
  chmodSync(path, 0o600);
  writeFileSync(path, 'AAAA\n');
  expect(() => readSealingKey(path, false)).toThrow('32 bytes');
});

it('is made at the next start where it could not be written', () => {
  const path = join(folder, 'key');
  const file = JSON.stringify(join(import.meta.dirname, 'sealing-key.ts'));
  const script = `import { readSealingKey } from ${file}; readSealingKey(${JSON.stringify(path)}, true);`;
  // No file may grow: what a full disk does to it.
  const limited = ['-c', 'trap "" XFSZ; ulimit -f 0; exec "$0" "$@"', process.execPath];
  const { status, stderr } = spawnSync('sh', [...limited, '--input-type=module', '--eval', script]);
  expect([status, String(stderr)]).toEqual([1, expect.stringContaining('EFBIG')]);
  expect(readSealingKey(path, true)).toHaveLength(32);
  expect(readdirSync(folder)).toEqual(['key']);
});
