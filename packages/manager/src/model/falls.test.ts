import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aNode } from '../testing.ts';
import { nextFalls, restLeftMs } from './falls.ts';
import type { Node } from './node.ts';

function become(node: Node, state: 'heard' | 'down' | 'disconnected', now: number): Node {
  const after: Node = { ...node, judged: { state } };
  const falls = nextFalls(after, now);
  return { ...after, ...(falls && { falls }) };
}

/** Down for 3 s and up for `upMs`, again and again; how long it rests after each return. */
function rests(times: number, upMs: number): number[] {
  const found: number[] = [];
  let node = aNode('n1');
  let now = 1_000_000;
  for (let n = 0; n < times; n++) {
    node = become(become(node, 'down', now), 'heard', now + 3_000);
    now += 3_000;
    found.push(restLeftMs(node, now) / 1_000);
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
    const node = aNode('n1', { falls: { count: 9, backAt: 5_000_000 } });
    expect(restLeftMs(node, 4_999_999)).toBe(0);
    expect(restLeftMs(node, 5_000_001)).toBe(299_999);
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
