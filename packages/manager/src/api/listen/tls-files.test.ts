import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readTls } from './tls-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'shoal-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string) => {
  writeFileSync(join(folder, name), `their ${name}`);
  return join(folder, name);
};
const own = async () => ({ cert: 'our cert', key: 'our key', ca: 'our ca' });
const server = { cert: file('cert'), key: file('key') };
const ca = file('ca');

it("takes from the files what they say, and the rest from the cluster's authority", async () => {
  expect(await readTls({}, own)).toEqual(await own());
  expect(await readTls({ server }, own)).toEqual({ cert: 'their cert', key: 'their key', ca: 'our ca' });
  expect(await readTls({ ca }, own)).toEqual({ cert: 'our cert', key: 'our key', ca: 'their ca' });
  expect(await readTls({ server, ca }, own)).toEqual({
    cert: 'their cert',
    key: 'their key',
    ca: 'their ca',
  });
});

it('names the file that is not there', async () => {
  await expect(readTls({ ca: join(folder, 'none') }, own)).rejects.toThrow(join(folder, 'none'));
});
