import { chown, lstat, mkdir, readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { listening } from './listening.ts';

/** Besides root: as with Docker's own socket, whoever may use it rules the cluster. */
const group = 'shoal';

/** Throws when somebody else listens there, or the path is something else. */
export async function bindSocket(server: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await removeStale(path);
  // With these rights from the first moment on: binding makes the file at once.
  const mask = process.umask(0o117);
  const bound = listening(server, { path });
  process.umask(mask);
  await bound;
  const gid = groupId(await readFile('/etc/group', 'utf8').catch(() => ''));
  if (gid !== undefined && process.getuid?.() === 0) await chown(path, 0, gid);
}

/** Of `/etc/group`; undefined where there is no such group: then the socket is root's alone. */
export function groupId(file: string): number | undefined {
  const [, , id] =
    file
      .split('\n')
      .map((line) => line.split(':'))
      .find(([name]) => name === group) ?? [];
  return id === undefined ? undefined : Number(id);
}

/** A socket that a killed process left behind goes; one that somebody answers on, and any other file, stays. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!found) return;
  if (!found.isSocket()) throw new Error(`cannot listen on ${path}: there is a file that is no socket`);
  if (!(await refuses(path))) throw new Error(`cannot listen on ${path}: another process listens there`);
  await rm(path, { force: true });
}

/** Only a refused connection says that nobody listens; a full queue, for one, does not. */
const refuses = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket
      .once('connect', () => {
        socket.destroy();
        resolve(false);
      })
      .once('error', ({ code }: NodeJS.ErrnoException) =>
        resolve(code === 'ECONNREFUSED' || code === 'ENOENT'),
      );
  });
