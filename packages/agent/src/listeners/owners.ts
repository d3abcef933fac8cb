import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { Owner } from './listeners.ts';

/** File descriptors read before other work gets its turn; one takes some microseconds. */
const atATime = 200;

/** Which processes have which sockets. A socket is looked for only once, since that reads the descriptors of all processes. */
export class Owners {
  readonly #known = new Map<string, Owner | undefined>();

  /**
   * Owners of these sockets, by inode; undefined for the kernel's own, and where this process may not look. All other
   * sockets are forgotten. Never rejects.
   */
  async of(inodes: ReadonlySet<string>): Promise<ReadonlyMap<string, Owner | undefined>> {
    for (const inode of this.#known.keys()) if (!inodes.has(inode)) this.#known.delete(inode);
    const wanted = new Set([...inodes].filter((inode) => !this.#known.has(inode)));
    if (wanted.size === 0) return this.#known;
    for (const pid of processes()) {
      for await (const inode of socketsOf(pid))
        if (wanted.delete(inode)) this.#known.set(inode, describe(pid));
      if (wanted.size === 0) break;
    }
    for (const inode of wanted) this.#known.set(inode, undefined);
    return this.#known;
  }
}

const processes = (): number[] =>
  read(() => readdirSync('/proc'), [])
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Inodes of the process's sockets. Lets other work run in between: a proxy may have 100,000. */
async function* socketsOf(pid: number): AsyncGenerator<string> {
  const descriptors = read(() => readdirSync(`/proc/${pid}/fd`), []);
  for (let from = 0; from < descriptors.length; from += atATime) {
    for (const fd of descriptors.slice(from, from + atATime)) {
      const to = read(() => readlinkSync(`/proc/${pid}/fd/${fd}`), '');
      const [, inode] = /^socket:\[(\d+)\]$/.exec(to) ?? [];
      if (inode) yield inode;
    }
    await turn();
  }
}

function describe(pid: number): Owner {
  const text = (name: string) => read(() => readFileSync(`/proc/${pid}/${name}`, 'utf8'), '');
  return {
    pid,
    process: processName(text('cmdline')) || text('comm').trim(),
    containers: containersIn(text('cgroup')),
  };
}

/**
 * `/usr/bin/python3 -m http.server` → `python3`; `sshd: /usr/sbin/sshd -D` → `sshd`. Not the kernel's name of it: that is
 * the main thread's, for Node `MainThread`.
 */
export function processName(commandLine: string): string {
  const [command = ''] = commandLine.split(/[\0 ]/);
  return command.slice(command.lastIndexOf('/') + 1).replace(/:$/, '');
}

/** All containers that `/proc/PID/cgroup` names: hosts may be containers themselves, and some lines may name only that. */
export const containersIn = (cgroup: string): string[] => [...new Set(cgroup.match(/\b[0-9a-f]{64}\b/g))];

/** Processes end while they are looked at. */
function read<T>(from: () => T, otherwise: T): T {
  try {
    return from();
  } catch {
    return otherwise;
  }
}
