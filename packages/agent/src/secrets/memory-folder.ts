import { execFile } from 'node:child_process';
import { mkdir, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { secretFolder } from '@shoal/proto/rules';

const run = promisify(execFile);
const timeoutMs = 15_000;

/** Of statfs(2): file systems that are in memory alone. */
const inMemory = new Set([0x01021994, 0x858458f6]);

/**
 * A folder for files that must be on no disk; root alone can look into it. A mount of ramfs, which is never swapped out (Linux,
 * Documentation/filesystems/tmpfs.rst) and is the same after a restart of this process. In a container of our own, where a mount would be
 * seen by nobody else, /run of the host has to be in memory. Rejects where that can't be had.
 */
export async function memoryFolder(
  folder = secretFolder,
  isContainer = !!process.env.SHOAL_CONTAINER,
): Promise<string> {
  // Others have things beside it.
  await mkdir(dirname(folder), { recursive: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!isContainer && !(await isMounted(folder)))
    await run('mount', ['-t', 'ramfs', '-o', 'mode=0700,nosuid,nodev', 'shoal', folder], {
      timeout: timeoutMs,
    });
  if (!(await isInMemory(folder)))
    throw new Error(`${folder} is on a disk, where secrets must not be: mount a tmpfs there`);
  return folder;
}

/** With all that is in it. For a host that leaves its cluster. */
export async function removeMemoryFolder(folder = secretFolder): Promise<void> {
  while (await isMounted(folder)) await run('umount', [folder], { timeout: timeoutMs });
  await rm(folder, { recursive: true, force: true });
}

const isInMemory = async (folder: string): Promise<boolean> => inMemory.has((await statfs(folder)).type);

/** It is the root of a file system of its own. */
async function isMounted(folder: string): Promise<boolean> {
  const [inside, outside] = await Promise.all(
    [folder, dirname(folder)].map((path) => stat(path).catch(() => undefined)),
  );
  return inside !== undefined && outside !== undefined && inside.dev !== outside.dev;
}
