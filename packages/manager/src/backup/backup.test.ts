import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { clusterId, sealing, sealingKey, trust, vault } from '../agents/testing.ts';
import { eventually } from '../eventually.fixture.ts';
import { purposes, type Sealed } from '../model/index.ts';
import { sqliteBackend } from '../store/backends/index.ts';
import { Store } from '../store/index.ts';
import { TestStore } from '../store/testing.ts';
import { aCluster, aNode, aPayload, aService } from '../testing.ts';
import { aVault } from '../trust/testing.ts';
import { checkBackup, makeBackup, restore } from './index.ts';

const folders: string[] = [];
function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-backup-test-'));
  folders.push(folder);
  return folder;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const passphrase = 'correct horse';
const madeAt = '2026-01-01T00:00:00.000Z';
const settings = { api: ['tcp://0.0.0.0:2476'], tlsNames: ['shoal.example'], ownTls: false };
const secret = 'an environment variable of a service';

/** A state directory as a manager has it, and the store on it. */
async function aState(by = sealing, sealedIn = vault) {
  const stateDir = aFolder();
  writeFileSync(join(stateDir, 'sealing.key'), `${sealingKey.toString('base64')}\n`, { mode: 0o600 });
  const store = await TestStore.open(await sqliteBackend(join(stateDir, 'state.sqlite')), Date.now);
  await store.update((tx) => {
    tx.clusters.create(aCluster({ ID: clusterId, trust, sealing: by }));
    tx.nodes.create(aNode('n1', { reported: { address: '10.0.0.1', runsManager: true } }));
    tx.nodes.create(aNode('n2', { reported: { address: '10.0.0.2' } }));
    const data = sealedIn.seal(by, purposes.content('secret', 'key', 1), 'YQ==');
    tx.secrets.create(aPayload('key', [{ version: 1, at: '', data }]));
    tx.services.create(aService('web', { Spec: { Name: 'web', Labels: { secret } } as never }));
  });
  const opener = () => ({ sealingKey: sealingKey.toString('base64') });
  const making = { store, stateDir, opener, settings, madeAt, release: '1.2.3', passphrase };
  return { stateDir, store, making };
}

let file: Buffer;
beforeAll(async () => {
  const { stateDir, store, making } = await aState();
  file = await buffer(await makeBackup(making));
  // Nothing is left beside the state.
  expect(readdirSync(stateDir).filter((name) => !/^(sealing\.key|state\.sqlite(-\w+)?)$/.test(name))).toEqual(
    [],
  );
  await store.close();
});

function aBackup(bytes: Buffer = file): string {
  const path = join(aFolder(), 'backup');
  writeFileSync(path, bytes);
  return path;
}

it('is all that a manager needs, on a host that has nothing, and the cluster knows that it was restored', async () => {
  const folder = aFolder();
  const stateDir = join(folder, 'shoal', 'manager');
  expect(await restore(aBackup(), passphrase, stateDir)).toEqual({
    ...settings,
    clusterId,
    madeAt,
    release: '1.2.3',
    nodes: ['n1', 'n2'],
    services: 1,
    formerManager: { id: 'n1', address: '10.0.0.1' },
  });
  expect(readdirSync(stateDir).sort()).toEqual(['sealing.key', 'state.sqlite']);
  for (const name of ['sealing.key', 'state.sqlite'])
    expect(statSync(join(stateDir, name)).mode & 0o777).toBe(0o600);
  expect(statSync(stateDir).mode & 0o777).toBe(0o700);
  expect(readFileSync(join(stateDir, 'sealing.key'), 'utf8').trim()).toBe(sealingKey.toString('base64'));
  const store = await Store.open(await sqliteBackend(join(stateDir, 'state.sqlite')), Date.now);
  const { view } = store;
  expect([...view.clusters.all()]).toMatchObject([
    { ID: clusterId, trust, restored: { madeAt, formerManager: 'n1' } },
  ]);
  expect([...view.nodes.all()].map(({ ID, reported }) => [ID, reported.runsManager])).toEqual([
    ['n1', undefined],
    ['n2', undefined],
  ]);
  expect(view.services.get('web')?.Spec).toMatchObject({ Labels: { secret } });
  const [content] = view.secrets.get('key')?.contents ?? [];
  const later = aVault(sealingKey);
  later.open(sealing);
  expect(later.unseal(purposes.content('secret', 'key', 1), content?.data as Sealed)).toBe('YQ==');
  await store.close();
});

it('shows nothing to those without the passphrase', () => {
  expect(file.includes(secret)).toBe(false);
  expect(file.includes(sealingKey.toString('base64'))).toBe(false);
});

it('is as of one moment, while the state is being written', async () => {
  const { store, making } = await aState();
  const writing = (async () => {
    for (let number = 0; number < 50; number++)
      await store.update((tx) => {
        for (const id of ['n1', 'n2']) {
          const node = tx.nodes.get(id);
          if (node) tx.nodes.update({ ...node, Spec: { ...node.Spec, Labels: { number: String(number) } } });
        }
      });
  })();
  const path = aBackup(await buffer(await makeBackup(making)));
  await writing;
  await store.close();
  const stateDir = join(aFolder(), 'manager');
  await restore(path, passphrase, stateDir);
  const restored = await Store.open(await sqliteBackend(join(stateDir, 'state.sqlite')), Date.now);
  const [first, second] = [...restored.view.nodes.all()].map(({ Spec }) => Spec.Labels?.number);
  expect(first).toBe(second);
  await restored.close();
});

it('has the unlock key where autolock is on, and no other', async () => {
  const vault = aVault();
  const locked = vault.renew(true);
  const { store, making } = await aState(locked, vault);
  const path = aBackup(await buffer(await makeBackup({ ...making, opener: () => vault.opener(locked) })));
  const another = aBackup(await buffer(await makeBackup(making)));
  await store.close();
  const stateDir = join(aFolder(), 'manager');
  expect(await restore(path, passphrase, stateDir)).toMatchObject({ unlockKey: vault.unlockKey(locked) });
  expect(readdirSync(stateDir)).toEqual(['state.sqlite']);
  await expect(checkBackup(another, passphrase)).rejects.toThrow(/locked/);
});

it('moves what was there aside, but for the audit', async () => {
  const stateDir = join(aFolder(), 'manager');
  mkdirSync(join(stateDir, 'audit'), { recursive: true });
  writeFileSync(join(stateDir, 'audit', 'audit-000000000001.jsonl'), 'record\n');
  writeFileSync(join(stateDir, 'state.sqlite'), 'former');
  await restore(aBackup(), passphrase, stateDir);
  expect(readFileSync(join(`${stateDir}.before-restore`, 'state.sqlite'), 'utf8')).toBe('former');
  expect(readFileSync(join(stateDir, 'audit', 'audit-000000000001.jsonl'), 'utf8')).toBe('record\n');
});

it('removes nothing of what an earlier try moved aside', async () => {
  const stateDir = join(aFolder(), 'manager');
  mkdirSync(stateDir);
  writeFileSync(join(stateDir, 'state.sqlite'), 'former');
  for (let time = 0; time < 3; time++) await restore(aBackup(), passphrase, stateDir);
  expect(readFileSync(join(`${stateDir}.before-restore`, 'state.sqlite'), 'utf8')).toBe('former');
  expect(readdirSync(join(stateDir, '..')).sort()).toEqual(
    ['', '.before-restore', '.before-restore-2', '.before-restore-3'].map((end) => `manager${end}`),
  );
});

it.each([
  [
    'with another passphrase',
    () => file,
    'wrong horse',
    /the passphrase is not the one that it was made with/,
  ],
  ['cut off', () => file.subarray(0, file.length - 20), passphrase, /it is not whole: its end is missing/],
  ['cut off in its header', () => file.subarray(0, 40), passphrase, /it is not whole: its end is missing/],
  ['with a byte changed', () => flipped(file, file.length - 20), passphrase, /changed or damaged/],
  ['foreign', () => Buffer.from('PK\u0003\u0004 something else'), passphrase, /it is no backup of Shoal/],
  ['empty', () => Buffer.alloc(0), passphrase, /it is no backup of Shoal/],
  [
    'of a format to come',
    () => Buffer.from(file.toString('latin1').replace('"format":1', '"format":2'), 'latin1'),
    passphrase,
    /it is of format 2, and this release of Shoal reads format 1: use the release that made it, 1\.2\.3/,
  ],
])('a file %s is refused, and nothing is changed', async (_what, bytes, words, why) => {
  const path = aBackup(bytes());
  const folder = aFolder();
  const stateDir = join(folder, 'manager');
  mkdirSync(stateDir);
  writeFileSync(join(stateDir, 'state.sqlite'), 'former');
  await expect(restore(path, words, stateDir)).rejects.toThrow(why);
  await expect(checkBackup(path, words)).rejects.toThrow(why);
  expect(readdirSync(folder)).toEqual(['manager']);
  expect(readFileSync(join(stateDir, 'state.sqlite'), 'utf8')).toBe('former');
});

it('looking into a file leaves nothing, also where it is ended meanwhile; what was killed is removed the next time', async () => {
  const folder = aFolder();
  // No process has this id: it is above the highest.
  mkdirSync(join(folder, 'shoal-backup-4194304-killed'));
  mkdirSync(join(folder, `shoal-backup-${process.pid}-alive`));
  mkdirSync(join(folder, 'shoal-backup-of-somebody'));
  const child = spawn(process.execPath, [join(import.meta.dirname, '../restore.ts'), '--check', aBackup()], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = once(child, 'exit');
  child.stdin.end(passphrase);
  await eventually(() =>
    expect(readdirSync(folder)).toContainEqual(expect.stringContaining(`-${child.pid}-`)),
  );
  child.kill('SIGTERM');
  await ended;
  expect(readdirSync(folder).sort()).toEqual(
    [`shoal-backup-${process.pid}-alive`, 'shoal-backup-of-somebody'].sort(),
  );
});

const flipped = (bytes: Buffer, at: number): Buffer => {
  const other = Buffer.from(bytes);
  other.writeUInt8(other.readUInt8(at) ^ 1, at);
  return other;
};
