import { mkdir, mkdtemp, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Change, Changes } from '@shoal/proto';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { changes, put } from '../assignments/testing.ts';
import { fromTaskStatus, statusOf, toTaskStatus } from '../task/status.ts';
import { anAssignment } from '../task/testing.ts';
import { Journal } from './journal.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});
const silent = pino({ level: 'silent' });
async function newFolder(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'shoal-journal-'));
  folders.push(parent);
  return join(parent, 'state');
}

it('keeps who the host is, what it runs and what it said', async () => {
  const folder = await newFolder();
  const journal = await Journal.open(folder, 'boot 1', silent);
  expect(journal.identity).toBeUndefined();
  const task = anAssignment('t1', 'running', { registryAuth: 'secret' });
  const own = { count: 2, attempts: [3, 4], failures: 1, endedAt: 9, withHost: true as const };
  const status = toTaskStatus('t1', statusOf('running', { own }), 5);
  await journal.setIdentity('who');
  journal.assignments.apply(changes({ complete: true, resultsIn: 7 }, put('task', 't1', task)));
  journal.touchAssignments();
  journal.setStatus(toTaskStatus('t2', statusOf('running'), 5));
  journal.setStatus(status);
  journal.dropStatus('t2');
  await journal.flush();

  const again = await Journal.open(folder, 'boot 1', silent);
  expect(again.identity).toEqual('who');
  expect([again.assignments.number, [...again.assignments.objects.task.values()]]).toEqual([
    7,
    [{ ...task, registryAuth: '' }],
  ]);
  expect([...again.statuses.values()]).toEqual([status]);
  expect([...again.statuses.values()].map(fromTaskStatus)).toMatchObject([{ own }]);
});

it('takes no manager with a lower term than it has seen of the cluster, also after a restart', async () => {
  const folder = await newFolder();
  const first = await Journal.open(folder, 'boot 1', silent);
  const come = (journal: Journal, term: number, clusterId = 'k1') => journal.setTerm({ clusterId, term });
  await come(first, 4);
  await come(first, 7);
  await come(first, 7);
  const again = await Journal.open(folder, 'boot 1', silent);
  await expect(come(again, 6)).rejects.toThrow('term 6');
  await come(again, 8);
  await come(again, 3, 'another cluster');
  await expect(come(again, 2, 'another cluster')).rejects.toThrow('term 3');
});

it('is for the agent’s eyes only, and leaves nothing half written', async () => {
  const folder = await newFolder();
  const journal = await Journal.open(folder, 'boot 1', silent);
  await journal.setIdentity('who');
  await journal.setTerm({ clusterId: 'k1', term: 4 });
  journal.touchAssignments();
  journal.setStatus(toTaskStatus('t1', statusOf('running'), 5));
  await journal.flush();
  const names = (await readdir(folder)).sort();
  expect(names).toEqual(['assignments.bin', 'boot', 'identity.json', 'statuses.bin', 'term.json']);
  const modes = await Promise.all(
    ['', ...names].map(async (name) => (await stat(join(folder, name))).mode & 0o777),
  );
  expect(modes).toEqual([0o700, 0o600, 0o600, 0o600, 0o600, 0o600]);
});

it('goes on without a file that is broken', async () => {
  const folder = await newFolder();
  await Journal.open(folder, 'boot 1', silent);
  await writeFile(join(folder, 'assignments.bin'), 'nonsense');
  const journal = await Journal.open(folder, 'boot 1', silent);
  expect(journal.assignments.objects.task.size).toBe(0);
});

it('leaves out what an agent of another version wrote down', async () => {
  const folder = await newFolder();
  await Journal.open(folder, 'boot 1', silent);
  const unknown = Buffer.from(Change.encode({ kind: 'moon', id: 'm1' }).finish());
  const message = changes({ complete: true, resultsIn: 7 }, put('task', 't1', anAssignment('t1')), unknown);
  await writeFile(join(folder, 'assignments.bin'), Changes.encode(message).finish());
  const { number, objects } = (await Journal.open(folder, 'boot 1', silent)).assignments;
  expect([number, objects.task.size]).toEqual([0, 0]);
});

it('knows whether the host was booted since it was last opened', async () => {
  const folder = await newFolder();
  const seen: boolean[] = [];
  for (const boot of ['1', '1', '2', '2']) seen.push((await Journal.open(folder, boot, silent)).rebooted);
  expect(seen).toEqual([false, false, true, false]);
});

it('goes on in memory while it can not be written, says so, and writes what is true once it can', async () => {
  const folder = await newFolder();
  // Nothing can be written in the place of these folders, whoever runs this test.
  const obstacles = ['boot.new', 'identity.json.new', 'statuses.bin.new'].map((name) => join(folder, name));
  for (const obstacle of obstacles) await mkdir(obstacle, { recursive: true });
  const journal = await Journal.open(folder, '1', silent);
  const told = [journal.trouble];
  journal.onTrouble(() => told.push(journal.trouble));
  await journal.setIdentity('who');
  expect(journal.identity).toEqual('who');
  journal.setStatus(toTaskStatus('t1', statusOf('running'), 5));
  await journal.flush();
  expect(told).toEqual([expect.stringMatching(/^EISDIR: /)]);
  for (const obstacle of obstacles) await rmdir(obstacle);
  journal.setStatus(toTaskStatus('t1', statusOf('complete'), 6));
  await journal.flush();
  expect(told).toEqual([expect.any(String), undefined]);
  const again = await Journal.open(folder, '1', silent);
  expect(again.identity).toEqual('who');
  expect([...again.statuses.values()]).toEqual([toTaskStatus('t1', statusOf('complete'), 6)]);
});

it('says once that its lease can not be written', async () => {
  const folder = await newFolder();
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  await mkdir(join(folder, 'lease.new'), { recursive: true, mode: 0o700 });
  const journal = await Journal.open(folder, '1', log);
  for (let beat = 1; beat <= 20; beat++) {
    journal.setLease(beat);
    await sleep(2);
  }
  await expect.poll(() => lines.length).toBe(1);
  await rmdir(join(folder, 'lease.new'));
  await expect
    .poll(async () => {
      journal.setLease(21);
      return (await readdir(folder)).includes('lease');
    })
    .toBe(true);
  expect(lines).toHaveLength(1);
});
