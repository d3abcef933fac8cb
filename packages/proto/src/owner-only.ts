import { chmodSync, type Dirent, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes a folder of state its owner's alone, and what is in it under one of the names that are `ours`, with all that is in such a
 * folder; makes the folder where there is none. Returns what was open to others, as sentences. Throws an Error with a text for
 * people where that can't be mended.
 */
export function ownerOnly(folder: string, ours: RegExp): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const inside = entries(folder).filter(({ name }) => ours.test(name));
  const below = inside
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => entries(pathOf(entry), true));
  return [folder, ...[...inside, ...below].map(pathOf)].flatMap((path) => mended(path) ?? []);
}

/** Links lead elsewhere; sockets have the modes that their listeners gave them. */
const entries = (folder: string, recursive = false): Dirent[] =>
  readdirSync(folder, { withFileTypes: true, recursive }).filter(
    (entry) => entry.isFile() || entry.isDirectory(),
  );

const pathOf = ({ parentPath, name }: Dirent): string => join(parentPath, name);

function mended(path: string): string | undefined {
  // The folder itself may be a link, whose own mode means nothing.
  const found = statSync(path, { throwIfNoEntry: false });
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
