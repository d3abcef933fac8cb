import { chmodSync, type Dirent, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes a folder of state, and all files and folders in it, its owner's alone; makes the folder where there is none. `except`: names
 * that whoever reads them judges. Returns what was open to others, as sentences. Throws an Error with a text for people where that
 * can't be mended.
 */
export function ownerOnly(folder: string, except: readonly string[] = []): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const inside = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => isOurs(entry) && !except.includes(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name));
  return [folder, ...inside].flatMap((path) => mended(path) ?? []);
}

/** Links lead elsewhere; sockets have the modes that their listeners gave them. */
const isOurs = (entry: Dirent): boolean => entry.isFile() || entry.isDirectory();

function mended(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const mode = (found?.mode ?? 0) & 0o777;
  if ((mode & 0o077) === 0) return undefined;
  try {
    chmodSync(path, mode & 0o700);
  } catch (error) {
    throw new Error(
      `${path} has mode ${mode.toString(8)}, so that others than its owner can use it, and that can't be changed: ${error instanceof Error ? error.message : error}`,
    );
  }
  return `${path} had mode ${mode.toString(8)}, so that others than its owner could use it; now it is ${(mode & 0o700).toString(8)}`;
}
