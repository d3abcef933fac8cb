import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { renameDurably } from './durable.ts';
import { sealingKeyBytes } from './trust/index.ts';

/**
 * The key that opens what is sealed in the state, base64 in a file beside it; made when there is nothing yet that it would have
 * to open. Throws an Error with a text for people.
 */
export function readSealingKey(path: string, nothingSealed: boolean): Buffer {
  if (!statSync(path, { throwIfNoEntry: false })) {
    if (!nothingSealed)
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
  const key = Buffer.from(readFileSync(path, 'utf8'), 'base64');
  if (key.length !== sealingKeyBytes)
    throw new Error(`${path} does not hold a key of ${sealingKeyBytes} bytes`);
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
