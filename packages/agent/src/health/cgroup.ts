import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the kernel tells about itself; other folders in tests. */
export interface Kernel {
  readonly proc: string;
  readonly cgroup: string;
}

export const kernel: Kernel = { proc: '/proc', cgroup: '/sys/fs/cgroup' };

/** Names of the same things in the two versions of cgroups. */
export interface Group {
  readonly folder: string;
  readonly version: 1 | 2;
}

/**
 * The control groups a process is in, as far as `controller` is concerned: its own and those above, the root first.
 * Empty when the kernel does not tell, or the groups are outside of what this process sees.
 */
export async function groupsOf(
  { proc, cgroup }: Kernel,
  pid: number,
  controller: 'memory' | 'pids',
): Promise<Group[]> {
  const text = await readText(join(proc, String(pid), 'cgroup'));
  const lines = (text ?? '').split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line));
  const named = lines.find((line) => line?.[1]?.split(',').includes(controller));
  const path = named?.[2] ?? lines.find((line) => line?.[1] === '')?.[2];
  if (path === undefined || path.includes('..')) return [];
  const root = named ? join(cgroup, controller) : cgroup;
  const parts = path.split('/').filter(Boolean);
  return Array.from({ length: parts.length + 1 }, (_, depth) => ({
    folder: join(root, ...parts.slice(0, depth)),
    version: named ? 1 : 2,
  }));
}

export interface MemoryUse {
  /** Bytes that can't be had back by dropping what files left in the cache, as the kubelet counts them. */
  readonly used: number;
  /** Infinity for none. */
  readonly limit: number;
}

/** Undefined for a group that tells nothing, such as the root of version 2. */
export async function memoryOf({ folder, version }: Group): Promise<MemoryUse | undefined> {
  const names =
    version === 1
      ? { usage: 'memory.usage_in_bytes', limit: 'memory.limit_in_bytes', cache: 'total_inactive_file' }
      : { usage: 'memory.current', limit: 'memory.max', cache: 'inactive_file' };
  const [usage, limit, stat] = await Promise.all([
    readNumber(join(folder, names.usage)),
    readNumber(join(folder, names.limit)),
    readText(join(folder, 'memory.stat')),
  ]);
  if (usage === undefined) return undefined;
  const cache = Number(new RegExp(`^${names.cache} (\\d+)$`, 'm').exec(stat ?? '')?.[1] ?? 0);
  return { used: Math.max(0, usage - cache), limit: limit ?? Number.POSITIVE_INFINITY };
}

/** `max` is Infinity; undefined when there is no such file. */
export async function readNumber(path: string): Promise<number | undefined> {
  const text = (await readText(path))?.trim();
  if (text === undefined || text === '') return undefined;
  return text === 'max' ? Number.POSITIVE_INFINITY : Number(text);
}

/**
 * Undefined when it can't be read. These files are in memory and read at once; to have a thread read them
 * costs several times as much, again and again.
 */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
