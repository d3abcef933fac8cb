import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { groupsOf, type Kernel, memoryOf, readNumber, readText } from './cgroup.ts';
import type { Reading } from './pressure.ts';

/** All groups of the first process are around the whole host: a host that is itself a container has its limits there. */
const firstPid = 1;

/**
 * What this host has left: memory, PIDs, and space on the disk of `folder`. Reads a few small files and starts no
 * process. What can't be read is missing.
 */
export async function sample(kernel: Kernel, folder: string | undefined): Promise<Reading[]> {
  const disk = folder === undefined ? [] : space(folder);
  return (await Promise.all([memory(kernel), pids(kernel), disk])).flat();
}

async function memory(kernel: Kernel): Promise<Reading[]> {
  const info = (await readText(join(kernel.proc, 'meminfo'))) ?? '';
  const kiB = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(info)?.[1]);
  const host: Reading = { kind: 'memory', free: kiB('MemAvailable') * 1024, total: kiB('MemTotal') * 1024 };
  const groups = await Promise.all((await groupsOf(kernel, firstPid, 'memory')).map(memoryOf));
  const limited = groups.flatMap((group): Reading[] =>
    // Version 1 has no word for "no limit": it says a number that no machine has.
    group && group.limit < host.total
      ? [{ kind: 'memory', free: group.limit - group.used, total: group.limit }]
      : [],
  );
  return scarcest([host, ...limited]);
}

async function pids(kernel: Kernel): Promise<Reading[]> {
  const [threads, ...most] = await Promise.all([
    readText(join(kernel.proc, 'loadavg')),
    readNumber(join(kernel.proc, 'sys/kernel/pid_max')),
    readNumber(join(kernel.proc, 'sys/kernel/threads-max')),
  ]);
  const total = Math.min(...most.map((max) => max ?? Number.POSITIVE_INFINITY));
  // Runnable ones / all; a thread takes a PID as a process does.
  const used = Number(/\d+\/(\d+)/.exec(threads ?? '')?.[1]);
  const groups = await Promise.all(
    (await groupsOf(kernel, firstPid, 'pids')).map(async ({ folder }): Promise<Reading> => {
      const max = (await readNumber(join(folder, 'pids.max'))) ?? Number.POSITIVE_INFINITY;
      const current = (await readNumber(join(folder, 'pids.current'))) ?? 0;
      return { kind: 'pids', free: max - current, total: max };
    }),
  );
  return scarcest([{ kind: 'pids', free: total - used, total }, ...groups]);
}

async function space(folder: string): Promise<Reading[]> {
  const disk = await statfs(folder).catch(() => undefined);
  if (!disk) return [];
  const inodes: Reading = { kind: 'inodes', folder, free: disk.ffree, total: disk.files };
  return [
    { kind: 'disk', folder, free: disk.bavail * disk.bsize, total: disk.blocks * disk.bsize },
    // Some file systems make inodes as they need them, and say 0.
    ...(disk.files > 0 ? [inodes] : []),
  ];
}

/** The one with the least left. */
function scarcest(readings: readonly Reading[]): Reading[] {
  const known = readings.filter(({ free, total }) => Number.isFinite(free) && Number.isFinite(total));
  return known.sort((a, b) => a.free - b.free).slice(0, 1);
}
