import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from './settings.ts';

/** What a manager leaves beside its state before it writes that anew in another format: `state.sqlite.format-2`. */
const copyName = /^state\.sqlite\.format-\d+(\.part)?$/;

const managerState = join(paths.state, 'manager');

/** Before an upgrade: a copy that is there after it is of that one. */
export function forgetStateCopies(folder = managerState): void {
  for (const name of copies(folder)) rmSync(join(folder, name));
}

/** The state as it was before the upgrade, if that changed its format: returns whether. No manager may run. */
export function bringStateBack(folder = managerState): boolean {
  const copy = copies(folder).find((name) => !name.endsWith('.part'));
  if (!copy) return false;
  // SQLite would take what is in them for changes of the copy.
  for (const end of ['-wal', '-shm']) rmSync(join(folder, `state.sqlite${end}`), { force: true });
  renameSync(join(folder, copy), join(folder, 'state.sqlite'));
  return true;
}

const copies = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).filter((name) => copyName.test(name)) : [];
