import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Of Linux's own clock for processes, `USER_HZ`: the same on all machines. */
const ticksPerSecond = 100;

/** Bytes of memory that a process has now, and has had at most. */
export function memoryOf(pid: number): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { now: bytes('VmRSS'), most: bytes('VmHWM') };
}

/** Cores that a process keeps busy, over so many seconds. */
export async function coresOf(pid: number, seconds: number): Promise<number> {
  const from = performance.now();
  const before = cpuSecondsOf(pid);
  await sleep(seconds * 1_000);
  return ((cpuSecondsOf(pid) - before) / (performance.now() - from)) * 1_000;
}

/** What all threads of a process have used of the CPU, in user and kernel mode, in steps of 10 ms. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name before it may contain anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
