import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Payload } from '@shoal/proto';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Refused } from '../task/index.ts';
import { anAssignment } from '../task/testing.ts';
import { SecretFiles } from './secret-files.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secrets-'));
});
afterEach(() => rm(folder, { recursive: true }));

const payload = (text: string) => Payload.fromPartial({ data: Buffer.from(text) });
const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
const withFiles = (taskId: string) =>
  anAssignment(taskId, 'running', {
    files: [
      { kind: 'secret', id: 's.1', uid, gid, mode: 0o440 },
      { kind: 'config', id: 'c.2', uid, gid, mode: 0o555 },
    ],
  });

async function files(secrets: Record<string, string> = { 's.1': 'password' }) {
  const known = {
    secret: new Map(Object.entries(secrets).map(([id, text]) => [id, payload(text)])),
    config: new Map([['c.2', payload('#!/bin/sh')]]),
  };
  const made = new SecretFiles({
    folder: async () => folder,
    contents: () => known,
    log: pino({ level: 'silent' }),
  });
  await made.start();
  return { made, known };
}
const there = async () => (await readdir(folder)).toSorted();

it('has them, each by its place, with owner and permissions', async () => {
  const { made } = await files();
  expect(made.has(withFiles('t1'))).toBe(true);
  await made.put(withFiles('t1'));
  expect(await readFile(join(folder, 't1/0'), 'utf8')).toBe('password');
  expect(await readFile(join(folder, 't1/1'), 'utf8')).toBe('#!/bin/sh');
  const modes = await Promise.all(
    [0, 1].map(async (place) => (await stat(join(folder, `t1/${place}`))).mode & 0o7777),
  );
  expect(modes).toEqual([0o440, 0o555]);
  await made.put(anAssignment('t2'));
  expect(await there()).toEqual(['t1']);
});

it('makes none before it knows what all of them hold', async () => {
  const { made, known } = await files({});
  expect(made.has(withFiles('t1'))).toBe(false);
  await expect(made.put(withFiles('t1'))).rejects.toThrow('what a secret of this task holds');
  known.secret.set('s.1', payload('password'));
  await made.put(withFiles('t1'));
  expect(await there()).toEqual(['t1']);
});

it('takes up what an agent before it left, whole ones alone', async () => {
  const { made } = await files();
  await made.put(withFiles('t1'));
  await made.put(withFiles('t2'));
  await mkdir(join(folder, 't3.new'));
  const { made: next } = await files({});
  expect(await there()).toEqual(['t1', 't2']);
  expect([next.has(withFiles('t1')), next.has(withFiles('t3'))]).toEqual([true, false]);
  // As they are: nobody here knows what they hold.
  await next.put(withFiles('t1'));
  next.keepOnly((taskId) => taskId === 't1');
  await vi.waitFor(async () => expect(await there()).toEqual(['t1']), 30_000);
});

it('drops those of a task, which it then makes anew where that is asked for', async () => {
  const { made } = await files();
  await made.put(withFiles('t1'));
  made.drop('t1');
  await made.put(withFiles('t1'));
  expect(await there()).toEqual(['t1']);
  made.drop('t1');
  made.drop('unknown');
  await vi.waitFor(async () => expect(await there()).toEqual([]), 30_000);
});

it('says so when there is no such folder, and tries again', async () => {
  const known = { secret: new Map([['s.1', payload('x')]]), config: new Map([['c.2', payload('y')]]) };
  let broken = true;
  const made = new SecretFiles({
    folder: async () => {
      if (broken) throw new Error('no memory');
      return folder;
    },
    contents: () => known,
    log: pino({ level: 'silent' }),
  });
  await made.start();
  await expect(made.put(withFiles('t1'))).rejects.toThrow(
    new Refused('other', 'no place for files of secrets and configs on this host: no memory'),
  );
  broken = false;
  await made.put(withFiles('t1'));
  expect(await there()).toEqual(['t1']);
  // It may be gone later, too.
  broken = true;
  await expect(made.put(withFiles('t2'))).rejects.toThrow('no memory');
  expect(await there()).toEqual(['t1']);
});
