import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { program } from '../program.ts';

/** A manager's answers to backups, as they are asked for, and a folder with a passphrase in it. */
async function aManager() {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-backup-command-'));
  const passphrase = join(folder, 'passphrase');
  writeFileSync(passphrase, 'correct horse\n', { mode: 0o600 });
  const asked: ServerResponse[] = [];
  const server = createServer((_request, response) => void asked.push(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const written = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
  onTestFinished(() => {
    written.mockRestore();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const at = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const file = join(folder, 'backup');
  const backup = () =>
    program().parseAsync(['node', 'shoal', '-H', at, 'backup', '--passphrase-file', passphrase, file]);
  const isAsked = (count: number) => vi.waitFor(() => expect(asked).toHaveLength(count), 30_000);
  const present = () => readdirSync(folder).filter((name) => name !== 'passphrase');
  return { file, backup, asked, isAsked, present };
}

it('two backups to one file are under way: each is whole, and the file is the one that ended last', async () => {
  const { file, backup, asked, isAsked, present } = await aManager();
  const first = backup();
  await isAsked(1);
  asked[0]?.write('the first, ');
  const second = backup();
  await isAsked(2);
  asked[1]?.end('the second one');
  await second;
  expect(readFileSync(file, 'utf8')).toBe('the second one');
  asked[0]?.end('whole');
  await first;
  expect(readFileSync(file, 'utf8')).toBe('the first, whole');
  expect(present()).toEqual(['backup']);
});

it('one that breaks off leaves the file as it was; what a killed one left is removed', async () => {
  const { file, backup, asked, isAsked, present } = await aManager();
  writeFileSync(file, 'of yesterday');
  writeFileSync(`${file}.part-4194304-00000000`, 'killed');
  writeFileSync(`${file}.part-${process.ppid}-00000000`, 'of another that is under way');
  const broken = backup();
  await isAsked(1);
  asked[0]?.write('some');
  setTimeout(() => asked[0]?.destroy(), 50);
  await expect(broken).rejects.toThrow(/There is no backup/);
  expect(readFileSync(file, 'utf8')).toBe('of yesterday');
  expect(present()).toEqual(['backup', `backup.part-${process.ppid}-00000000`]);
});
