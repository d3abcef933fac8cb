import type { Pressure } from '@shoal/proto';

/** How much of something that a host can run out of is left. Bytes for memory and disk, else numbers. */
export interface Reading {
  readonly kind: 'memory' | 'disk' | 'inodes' | 'pids';
  /** Whose disk it is. */
  readonly folder?: string;
  readonly free: number;
  readonly total: number;
}

/** A pressure that was told, and what it takes to take it back. Times in ms of any clock. */
interface Held extends Pressure {
  readonly toldAt: number;
  /** Since when there is clearly enough again. */
  readonly easedAt?: number;
}

/** By what the host is short of. */
export type Pressures = ReadonlyMap<string, Held>;

/** There must be so much more than the threshold ... */
const margin = 1.5;
/** ... for so long before the pressure is taken back: what is used and freed in turns must not make it flap. */
export const easedMs = 20_000;
/** The figures in a message are brought up to date so often at most. */
const retellMs = 30_000;

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/**
 * Below this a host is short of it. Shares and the 100 MiB are the kubelet's (its defaults of --eviction-hard:
 * memory.available<100Mi, nodefs.available<10%, nodefs.inodesFree<5%; it has none for PIDs). A share of a large
 * memory or disk is more than anybody wants to leave unused, hence the other bounds.
 */
const thresholds: Readonly<Record<Reading['kind'], (total: number) => number>> = {
  memory: (total) => Math.min(Math.max(100 * MiB, total * 0.05), GiB),
  disk: (total) => Math.min(total * 0.1, 10 * GiB),
  inodes: (total) => total * 0.05,
  pids: (total) => total * 0.1,
};

/** What is true after these readings. What could not be read stays as it was. */
export function assess(before: Pressures, readings: readonly Reading[], now: number): Pressures {
  const after = new Map(before);
  for (const reading of readings) {
    const key = `${reading.kind} ${reading.folder ?? ''}`;
    const held = judge(before.get(key), reading, now);
    if (held) after.set(key, held);
    else after.delete(key);
  }
  return after;
}

function judge(held: Held | undefined, reading: Reading, now: number): Held | undefined {
  const { kind, free, total } = reading;
  const threshold = thresholds[kind](total);
  if (!held) return free < threshold ? { kind, message: describe(reading), toldAt: now } : undefined;
  if (free < threshold * margin) {
    const { easedAt: _, ...still } = held;
    return now - held.toldAt < retellMs ? still : { kind, message: describe(reading), toldAt: now };
  }
  const easedAt = held.easedAt ?? now;
  return now - easedAt < easedMs ? { ...held, easedAt } : undefined;
}

function describe({ kind, folder = '', free, total }: Reading): string {
  switch (kind) {
    case 'memory':
      return `short of memory: ${inBytes(free)} available of ${inBytes(total)}`;
    case 'disk':
      return `short of disk space: ${inBytes(free)} free of ${inBytes(total)} at ${folder}`;
    case 'inodes':
      return `short of inodes: ${free} free of ${total} at ${folder}`;
    case 'pids':
      return `short of PIDs: ${free} free of ${total}`;
  }
}

function inBytes(bytes: number): string {
  const MiBs = Math.max(0, bytes) / MiB;
  return MiBs < 1024 ? `${Math.round(MiBs)} MiB` : `${Number((MiBs / 1024).toFixed(1))} GiB`;
}
