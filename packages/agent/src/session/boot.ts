import { readFile } from 'node:fs/promises';

/**
 * The same text for as long as the host runs. A host that is itself a container has the kernel of another one, but
 * its own first process.
 */
export async function bootId(): Promise<string> {
  const [kernel, init] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFile('/proc/1/stat', 'utf8'),
  ]);
  return `${kernel.trim()}/${startTimeOf(init)}`;
}

/** Ticks since the kernel's start, field 22 of proc(5); the name before it may hold anything. */
const startTimeOf = (stat: string): string => stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
