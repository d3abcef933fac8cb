import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import type { Restored } from '@shoal/proto/restored';
import type { Store } from '../store/index.ts';
import type { Opener } from '../trust/index.ts';
import { backupOf } from './backup-file.ts';

/** What a backup holds beside the state. */
export interface Contents extends Opener, Pick<Restored, 'api' | 'tlsNames' | 'ownTls'> {}

export interface Making {
  readonly store: Pick<Store, 'copyTo'>;
  readonly stateDir: string;
  /** What opens the state, as of now. */
  readonly opener: () => Opener;
  readonly settings: Omit<Contents, keyof Opener>;
  readonly madeAt: string;
  readonly release: string;
  readonly passphrase: string;
}

/**
 * All that a manager needs on another host, encrypted; consistent as of some moment while this ran. Takes as much room beside the
 * state as that has, until the answer begins. Not to be called twice at a time.
 */
export async function makeBackup({ store, stateDir, opener, settings, ...how }: Making): Promise<Readable> {
  const copy = join(stateDir, 'state.backup');
  try {
    const before = opener();
    await store.copyTo(copy);
    if (!isDeepStrictEqual(opener(), before))
      throw new Error('the key was rotated while the backup was made: make it again');
    return await backupOf({ ...settings, ...before }, await open(copy), how);
  } finally {
    // What is open stays readable.
    rmSync(copy, { force: true });
  }
}
