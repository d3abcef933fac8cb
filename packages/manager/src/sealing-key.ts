import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { renameDurably } from './durable.ts';
import { type KeyPlace, sealingKeyBytes } from './trust/index.ts';

/** In the state directory: the one that the manager makes for itself. */
export const sealingKeyName = 'sealing.key';

export interface SealingKeySource {
  readonly stateDir: string;
  /** A file that people look after. */
  readonly sealingKeyFile?: string | undefined;
  /** The key itself, from the environment. */
  readonly sealingKey?: string | undefined;
}

/** Where the manager's own key is. Reading it throws an Error with a text for people. */
export function placeOfKey({ stateDir, sealingKeyFile: file, sealingKey: text }: SealingKeySource): KeyPlace {
  // A key that is elsewhere is for people to remove.
  const forget = (isNew: boolean) => {
    if (isNew) forgetCopies(stateDir);
  };
  if (text !== undefined) {
    const name = 'SHOAL_SEALING_KEY';
    return { name, read: () => keyIn(name, text), forget };
  }
  if (file !== undefined) return { name: file, read: (mayMake) => readSealingKey(file, mayMake), forget };
  const own = join(stateDir, sealingKeyName);
  return {
    name: own,
    read: (mayMake) => readSealingKey(own, mayMake),
    forget: (isNew) => {
      // It is still there where this process's predecessor died before it came here.
      if (!isNew && !existsSync(own)) return;
      forgetCopies(stateDir);
      rmSync(own, { force: true });
    },
  };
}

/**
 * The key that opens what is sealed in the state, base64 in a file; made when there is nothing yet that it would have to open.
 * Throws an Error with a text for people.
 */
export function readSealingKey(path: string, mayMake: boolean): Buffer {
  if (!statSync(path, { throwIfNoEntry: false })) {
    if (!mayMake)
      throw new Error(
        `${path} is missing: only with it can this state's certificate authority be used. Bring it back from where the state came from`,
      );
    make(path);
  }
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0)
    throw new Error(
      `${path} has mode ${mode.toString(8)}, so that others can read it: make that 600, and rotate the cluster's root and tokens if somebody may have`,
    );
  return keyIn(path, readFileSync(path, 'utf8'));
}

function keyIn(name: string, text: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== sealingKeyBytes)
    throw new Error(
      `${name} does not hold a key of ${sealingKeyBytes} bytes in base64, as \`openssl rand -base64 ${sealingKeyBytes}\` makes it`,
    );
  return key;
}

/** Nothing is sealed with it before it is on the disk. One that could not be written is made anew at the next start. */
function make(path: string): void {
  const part = `${path}.new`;
  rmSync(part, { force: true });
  try {
    writeFileSync(part, `${randomBytes(sealingKeyBytes).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    renameDurably(part, path);
  } finally {
    rmSync(part, { force: true });
  }
}

/**
 * What a key outside of this state opens: copies of it that earlier releases wrote, in which more is in the clear, and states that
 * a restore moved aside. Of these the key alone goes: all else in them is for people to delete.
 */
function forgetCopies(stateDir: string): void {
  for (const name of readdirSync(stateDir))
    if (/^state\.sqlite\.format-\d+$/.test(name)) rmSync(join(stateDir, name));
  const folder = dirname(stateDir);
  for (const name of readdirSync(folder))
    if (name.startsWith(`${basename(stateDir)}.before-restore`))
      rmSync(join(folder, name, sealingKeyName), { force: true });
}
