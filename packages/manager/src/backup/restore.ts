import { createWriteStream, existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Restored } from '@shoal/proto/restored';
import { renameDurably, syncToDisk } from '../durable.ts';
import type { Cluster, Node, Sealing } from '../model/index.ts';
import { sealingKeyName } from '../sealing-key.ts';
import { SqliteFile } from '../store/backends/index.ts';
import { type Opener, Vault } from '../trust/index.ts';
import { withBackup } from './backup-file.ts';
import { BackupError } from './error.ts';
import type { Contents } from './make.ts';

/** Reads all of a backup, and looks whether a manager could use it. Throws a BackupError. */
export async function checkBackup(path: string, passphrase: string): Promise<Restored> {
  removeLeftovers();
  const folder = await mkdtemp(join(tmpdir(), `${tryOut}${process.pid}-`));
  return withoutTrace(folder, () => unpack(path, passphrase, folder));
}

/** Folders of backups that are looked into, each with the id of its process. */
const tryOut = 'shoal-backup-';

/** What a process left that was killed on the spot. Only what this user made: in a folder for all, others may make anything. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = name.match(new RegExp(`^${tryOut}(\\d+)-\\w+$`)) ?? [];
    const path = join(tmpdir(), name);
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    if (lstatSync(path).uid === process.getuid?.()) rmSync(path, { recursive: true });
  }
}

/** The folder is gone afterwards, also when this process is told to end meanwhile. */
async function withoutTrace<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await work();
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/**
 * Makes `stateDir` what a manager needs to go on with the cluster of a backup; none may run there. What was there before is moved
 * to `stateDir.before-restore` (or what else is free of that name and a number), but for the audit, which goes on. Throws a
 * BackupError, and nothing is changed, when the backup can't be used.
 */
export async function restore(path: string, passphrase: string, stateDir: string): Promise<Restored> {
  const fresh = `${stateDir}.restoring`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true, mode: 0o700 });
  return withoutTrace(fresh, async () => {
    const restored = await unpack(path, passphrase, fresh);
    const audit = join(stateDir, 'audit');
    if (existsSync(audit)) await cp(audit, join(fresh, 'audit'), { recursive: true });
    putInPlace(fresh, stateDir);
    return restored;
  });
}

function putInPlace(fresh: string, stateDir: string): void {
  const aside = existsSync(stateDir) ? freeName(`${stateDir}.before-restore`) : undefined;
  if (aside !== undefined) renameSync(stateDir, aside);
  try {
    renameDurably(fresh, stateDir);
  } catch (error) {
    if (aside !== undefined && !existsSync(stateDir)) renameSync(aside, stateDir);
    throw error;
  }
}

/** What an earlier try moved aside may be all that is left of the cluster as it was. */
function freeName(path: string): string {
  let name = path;
  for (let number = 2; existsSync(name); number++) name = `${path}-${number}`;
  return name;
}

/** The files of a manager's folder, all of them on the disk when this resolves. */
async function unpack(path: string, passphrase: string, folder: string): Promise<Restored> {
  const state = join(folder, 'state.sqlite');
  return withBackup(path, passphrase, async ({ madeAt, release, line, state: bytes }) => {
    const { sealingKey, ...settings } = contentsOf(line);
    await pipeline(bytes, createWriteStream(state, { mode: 0o600 }));
    if (sealingKey !== undefined)
      await writeFile(join(folder, sealingKeyName), `${sealingKey}\n`, { mode: 0o600 });
    const marked = markRestored(state, { sealingKey, unlockKey: settings.unlockKey }, madeAt);
    for (const name of readdirSync(folder)) syncToDisk(join(folder, name));
    return { ...settings, ...marked, madeAt, release };
  });
}

function contentsOf(line: unknown): Contents {
  const contents = line as Partial<Contents> | undefined;
  const { sealingKey, unlockKey, api, tlsNames = [], ownTls = false } = contents ?? {};
  if (typeof (sealingKey ?? unlockKey) !== 'string' || !Array.isArray(api))
    throw new BackupError('what is in it is no backup');
  return { sealingKey, unlockKey, api, tlsNames, ownTls };
}

function checkOpener(sealing: Sealing, { sealingKey = '', unlockKey }: Opener): void {
  const own = Buffer.from(sealingKey, 'base64');
  const vault = new Vault({ name: 'the key in it', read: () => own, forget: () => undefined });
  try {
    if (unlockKey !== undefined && !vault.unlock(sealing, unlockKey))
      throw new Error('the unlock key in it is not that of its state');
    vault.open(sealing);
  } catch (error) {
    throw new BackupError((error as Error).message);
  }
}

/**
 * The cluster knows from now on that it was restored, see hold/. No host runs its manager any more, until one says so. A state
 * of an older format is upgraded.
 */
function markRestored(state: string, opener: Opener, madeAt: string) {
  let file: SqliteFile;
  try {
    file = SqliteFile.open(state, 0);
  } catch (error) {
    throw new BackupError((error as Error).message);
  }
  try {
    const { revision, rows } = file.load();
    const of = <T>(table: string) =>
      rows.filter((row) => row.table === table).map(({ json }) => JSON.parse(json) as T);
    const [cluster] = of<Cluster>('clusters');
    if (!cluster) throw new BackupError('there is no cluster in it');
    checkOpener(cluster.sealing, opener);
    const nodes = of<Node>('nodes');
    const managers = nodes.filter(({ reported }) => reported.runsManager);
    const [former] = managers;
    const restored = { madeAt, ...(former && { formerManager: former.ID }) };
    const outcome = file.commit(revision, [
      { table: 'clusters', id: cluster.ID, json: JSON.stringify({ ...cluster, restored }) },
      ...managers.map(({ reported: { runsManager: _, ...reported }, ...node }) => ({
        table: 'nodes',
        id: node.ID,
        json: JSON.stringify({ ...node, reported }),
      })),
    ]);
    if (outcome !== 'done') throw new Error('the restored state could not be written: is the disk full?');
    return {
      clusterId: cluster.ID,
      nodes: nodes.map(({ ID }) => ID),
      services: rows.filter(({ table }) => table === 'services').length,
      ...(former && { formerManager: { id: former.ID, address: former.reported.address } }),
    };
  } finally {
    file.close();
    // Of a state that is upgraded there is a copy, which is for releases that were upgraded.
    for (const name of readdirSync(dirname(state)))
      if (name.startsWith(`${basename(state)}.format-`)) rmSync(join(dirname(state), name));
  }
}
