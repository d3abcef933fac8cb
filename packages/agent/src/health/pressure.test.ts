import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assess, easedMs, type Pressures, type Reading } from './pressure.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const none: Pressures = new Map();
const memory = (MiBs: number): Reading => ({ kind: 'memory', free: MiBs * MiB, total: 4 * GiB });
const messages = (held: Pressures) => [...held.values()].map(({ message }) => message);

describe('a host is short', () => {
  it.each<[string, Reading, string]>([
    [
      'memory',
      { kind: 'memory', free: 42 * MiB, total: 2 * GiB },
      'short of memory: 42 MiB available of 2 GiB',
    ],
    [
      'disk',
      { kind: 'disk', folder: '/var/lib/docker', free: 1.2 * GiB, total: 20 * GiB },
      'short of disk space: 1.2 GiB free of 20 GiB at /var/lib/docker',
    ],
    [
      'inodes',
      { kind: 'inodes', folder: '/data', free: 40, total: 1_000 },
      'short of inodes: 40 free of 1000 at /data',
    ],
    ['PIDs', { kind: 'pids', free: 90, total: 1_000 }, 'short of PIDs: 90 free of 1000'],
  ])('of %s, and says how much is left', (_, reading, message) => {
    expect(messages(assess(none, [reading], 0))).toEqual([message]);
  });

  it.each<[string, Reading]>([
    ['memory', { kind: 'memory', free: 101 * MiB, total: 2 ** 30 }],
    ['much memory', { kind: 'memory', free: 1.1 * GiB, total: 512 * GiB }],
    ['disk', { kind: 'disk', folder: '/', free: 2.1 * GiB, total: 20 * GiB }],
    ['a large disk', { kind: 'disk', folder: '/', free: 11 * GiB, total: 4_000 * GiB }],
    ['inodes', { kind: 'inodes', folder: '/', free: 51, total: 1_000 }],
    ['PIDs', { kind: 'pids', free: 101, total: 1_000 }],
  ])('not when there is enough: %s', (_, reading) => {
    expect(assess(none, [reading], 0).size).toBe(0);
  });

  it('until there is clearly more for a while', () => {
    let held = assess(none, [memory(150)], 0);
    held = assess(held, [memory(250)], 10_000);
    held = assess(held, [memory(350)], 11_000);
    held = assess(held, [memory(300)], 20_000);
    held = assess(held, [memory(350)], 21_000);
    held = assess(held, [memory(350)], 20_999 + easedMs);
    expect(held.size).toBe(1);
    expect(assess(held, [memory(350)], 21_000 + easedMs).size).toBe(0);
  });

  it('of several things at once, also on several disks; what can not be read stays', () => {
    const disk = (folder: string): Reading => ({ kind: 'disk', folder, free: 0, total: GiB });
    const held = assess(none, [memory(1), disk('/a'), disk('/b')], 0);
    expect(held.size).toBe(3);
    expect(messages(assess(held, [disk('/b')], 1_000))).toEqual(messages(held));
  });

  it('and says so again, with new figures, only now and then', () => {
    const held = assess(none, [memory(150)], 0);
    const later = assess(held, [memory(10)], 29_000);
    expect(messages(later)).toEqual(['short of memory: 150 MiB available of 4 GiB']);
    expect(messages(assess(later, [memory(20)], 30_000))).toEqual([
      'short of memory: 20 MiB available of 4 GiB',
    ]);
  });

  it('changes its mind rarely, whatever the readings are', () => {
    const aHistory = fc.array(
      fc.tuple(fc.integer({ min: 100, max: 10_000 }), fc.integer({ min: 0, max: 500 })),
    );
    fc.assert(
      fc.property(aHistory, (history) => {
        let now = 0;
        let held = none;
        let begunAt = 0;
        let lastLow = Number.NEGATIVE_INFINITY;
        for (const [wait, MiBs] of history) {
          now += wait;
          const before = held.size > 0;
          held = assess(held, [memory(MiBs)], now);
          const is = held.size > 0;
          // 5 % of 4 GiB, and half as much again.
          if (MiBs < 204.8) expect(is).toBe(true);
          if (MiBs < 307.2) lastLow = now;
          if (is && !before) {
            begunAt = now;
            expect(MiBs).toBeLessThan(204.8);
          }
          if (before && !is) {
            expect(now - lastLow).toBeGreaterThanOrEqual(easedMs);
            expect(now - begunAt).toBeGreaterThanOrEqual(easedMs);
          }
        }
      }),
    );
  });
});
