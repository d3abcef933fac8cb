import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Restored } from '@shoal/proto/restored';
import { ExitError } from '../exit.ts';
import { paths } from './settings.ts';

/** The manager's own program reads it: with `--check FILE`, or from a file into a folder. Throws an ExitError with its words. */
export async function readBackup(args: readonly string[], passphrase: string): Promise<Restored> {
  const child = spawn(process.execPath, [join(paths.current, 'manager/restore.mjs'), ...args]);
  child.stdin.on('error', () => undefined).end(passphrase);
  const ended = new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', (code) => resolve(code)),
  );
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code === 0) return JSON.parse(out) as Restored;
  throw new ExitError(1, `Nothing was changed: ${err.trim()}`);
}
