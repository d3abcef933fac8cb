import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aNode } from '../testing.ts';
import { moveRestLeftMs, noteFlapping, restLeftMs, steadySince } from './flapping.ts';
import type { Node } from './node.ts';

const become = (node: Node, state: 'heard' | 'down' | 'disconnected', now: number): Node =>
  noteFlapping({ ...node, judged: { state } }, now);

type Rest = typeof restLeftMs;

/** Down for 3 s and up for `upMs`, again and again; how long it rests after each return. */
function rests(times: number, upMs: number, left: Rest = restLeftMs): number[] {
  const found: number[] = [];
  let node = aNode('n1');
  let now = 1_000_000;
  for (let n = 0; n < times; n++) {
    node = become(become(node, 'down', now), 'heard', now + 3_000);
    now += 3_000;
    found.push(left(node, now) / 1_000);
    now += upMs;
  }
  return found;
}

describe('a node that goes down', () => {
  it('once, or now and then, gets new tasks as soon as it is back', () => {
    expect(rests(1, 0)).toEqual([0]);
    expect(rests(10, 31_000)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('again and again gets none for longer each time, up to 5 minutes', () => {
    expect(rests(9, 5_000)).toEqual([0, 0, 10, 20, 40, 80, 160, 300, 300]);
    // Also when it stays just as long as it rests.
    expect(rests(6, 29_000)).toEqual([0, 0, 10, 20, 40, 80]);
  });

  it('does not fall when it is only not heard for a while', () => {
    const node = aNode('n1');
    expect(become(become(node, 'disconnected', 1), 'heard', 2)).toEqual(node);
  });

  it('does not rest for longer when the clock is set back', () => {
    const node = aNode('n1', { flapping: { falls: 9, backAt: 5_000_000 } });
    expect(restLeftMs(node, 4_999_999)).toBe(0);
    expect(restLeftMs(node, 5_000_001)).toBe(299_999);
    expect(moveRestLeftMs(node, 4_999_999)).toBe(0);
  });

  it('rests also before its return is written down', () => {
    const node = aNode('n1', { flapping: { falls: 4 } });
    expect([restLeftMs(node, 5), moveRestLeftMs(node, 5)]).toEqual([20_000, 40_000]);
  });
});

describe('tasks that could stay are moved to a node', () => {
  const created = 2_000_000;
  const fresh = aNode('n1', { CreatedAt: new Date(created).toISOString() });
  const short = (node: Node, kind?: string): Node => {
    const { pressures: _, ...reported } = node.reported;
    return { ...node, reported: { ...reported, ...(kind && { pressures: [{ kind, message: '' }] }) } };
  };

  it('some time after it came, or came back', () => {
    expect([0, 4_000, 5_000].map((ms) => moveRestLeftMs(fresh, created + ms))).toEqual([5_000, 1_000, 0]);
    expect(rests(3, 31_000, moveRestLeftMs)).toEqual([5, 5, 5]);
  });

  it('later each time it goes down soon after it came back, and always later than new ones', () => {
    expect(rests(9, 5_000, moveRestLeftMs)).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('only minutes after its host was short of something, or nobody wrote down yet that it is not', () => {
    const now = created + 60_000;
    const pressed = noteFlapping(short(fresh, 'disk'), now);
    expect(pressed.flapping).toEqual({ falls: 0, short: true });
    expect(moveRestLeftMs(short(pressed), now + 20_000)).toBe(300_000);
    const relieved = noteFlapping(short(pressed), now + 20_000);
    expect(relieved.flapping).toEqual({ falls: 0, relievedAt: now + 20_000 });
    expect(noteFlapping(relieved, now + 30_000)).toBe(relieved);
    expect(moveRestLeftMs(relieved, now + 21_000)).toBe(299_000);
    expect(restLeftMs(relieved, now + 21_000)).toBe(0);
    expect(steadySince(relieved, now + 21_000)).toBe(now + 20_000);
    const fallen = become(become(relieved, 'down', now + 30_000), 'heard', now + 40_000);
    expect(fallen.flapping).toEqual({ falls: 1, backAt: now + 40_000 });
  });

  it('as soon as ever when its host was under pressure, but short of nothing', () => {
    expect(noteFlapping(short(fresh, 'daemon'), created)).toEqual(short(fresh, 'daemon'));
  });
});

it('however it flaps, the returns after which it gets new tasks at once are few', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1_500, max: 20_000 }), fc.integer({ min: 0, max: 30_000 })), {
        maxLength: 50,
      }),
      (flaps) => {
        let node = aNode('n1');
        let now = 1_000_000;
        let free = 0;
        for (const [downMs, upMs] of flaps) {
          node = become(node, 'down', now);
          now += downMs;
          node = become(node, 'heard', now);
          if (restLeftMs(node, now) === 0) free++;
          now += upMs;
        }
        expect(free).toBeLessThanOrEqual(2);
      },
    ),
  );
});
