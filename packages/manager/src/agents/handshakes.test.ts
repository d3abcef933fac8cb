import { backoffMs, mostConnectionsOfTry } from '@shoal/proto/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HandshakeLimits, Handshakes, handshakeLimits } from './handshakes.ts';

interface Arrival {
  readonly source: string;
  readonly number: number;
}

const limits: HandshakeLimits = {
  most: 4,
  mostOfSource: 2,
  mostWaiting: 6,
  mostWaitingOfSource: 4,
  rate: { burst: 100, perSecond: 10 },
  patienceMs: 5_000,
};

function some(more: Partial<HandshakeLimits> = {}) {
  const time = { now: 0 };
  const handshakes = new Handshakes<Arrival>({ ...limits, ...more }, () => time.now);
  let number = 0;
  const arrive = (source: string) => handshakes.wait({ source, number: ++number });
  const begun = () => handshakes.next().begin.map(({ source }) => source);
  return { handshakes, time, arrive, begun };
}

describe('handshakes', () => {
  it('begin at once as long as there are few', () => {
    const { arrive, begun } = some();
    for (const source of ['a', 'b', 'a']) expect(arrive(source)).toBe(true);
    expect(begun()).toEqual(['a', 'b', 'a']);
    expect(begun()).toEqual([]);
  });

  it('take turns by source, whoever has how many waiting', () => {
    const { handshakes, arrive, begun } = some({ most: 3 });
    for (const source of ['a', 'a', 'a', 'a', 'b', 'c']) arrive(source);
    expect(begun()).toEqual(['a', 'b', 'c']);
    handshakes.ended('b', true);
    handshakes.ended('c', true);
    arrive('c');
    expect(begun()).toEqual(['a', 'c']);
    handshakes.ended('c', true);
    // Two of its are under way.
    expect(begun()).toEqual([]);
    handshakes.ended('a', false);
    expect(begun()).toEqual(['a']);
  });

  it('of a source begin with the newest: who has waited for long may give up soon', () => {
    const { handshakes, arrive } = some({ mostOfSource: 1 });
    for (const _ of [1, 2, 3, 4]) arrive('a');
    const order: number[] = [];
    for (let turn = handshakes.next(); turn.begin.length > 0; turn = handshakes.next()) {
      order.push(...turn.begin.map(({ number }) => number));
      handshakes.ended('a', true);
    }
    expect(order).toEqual([4, 3, 2, 1]);
  });

  it('are turned away when too many wait, of one source or of all', () => {
    const { arrive } = some({ most: 0 });
    expect(Array.from({ length: 5 }, () => arrive('a'))).toEqual([true, true, true, true, false]);
    expect(Array.from({ length: 3 }, () => arrive('b'))).toEqual([true, true, false]);
    expect(arrive('c')).toBe(false);
  });

  it('that no node comes from are limited in their rate, by source', () => {
    const { handshakes, time, arrive, begun } = some({ rate: { burst: 2, perSecond: 10 } });
    const round = (source: string, byNode: boolean) => {
      arrive(source);
      const [begins] = begun();
      if (begins !== undefined) handshakes.ended(begins, byNode);
      return begins;
    };
    expect(Array.from({ length: 9 }, () => round('node', true))).toEqual(Array(9).fill('node'));
    expect([round('a', false), round('a', false), round('a', false)]).toEqual(['a', 'a', undefined]);
    expect(handshakes.next().againMs).toBe(100);
    expect(round('node', true)).toBe('node');
    time.now += 100;
    expect(begun()).toEqual(['a']);
  });

  it('whose turn comes too late are not begun', () => {
    const { handshakes, time, arrive, begun } = some({ most: 1 });
    for (const source of ['a', 'a', 'b']) arrive(source);
    expect(begun()).toEqual(['a']);
    time.now += limits.patienceMs - 1;
    arrive('b');
    time.now += 1;
    handshakes.ended('a', true);
    const { begin, late } = handshakes.next();
    expect([begin, late].map((all) => all.map(({ number }) => number))).toEqual([[4], [3, 1]]);
  });

  it('of hosts that try again and again in vain all begin at once: eight at one address, as fast as agents are', () => {
    const { handshakes, time, arrive } = some(handshakeLimits);
    const hosts = Array.from({ length: 8 }, () => ({ failures: 0, next: 0 }));
    while (time.now < 600_000) {
      for (const host of hosts.filter(({ next }) => next <= time.now)) {
        for (let each = 0; each < mostConnectionsOfTry; each++) {
          expect(arrive('a')).toBe(true);
          expect(handshakes.next().begin).toHaveLength(1);
          handshakes.ended('a', false);
        }
        host.next = time.now + backoffMs(++host.failures, 0);
      }
      time.now = Math.min(...hosts.map(({ next }) => next));
    }
  });

  it('are bounded, and none that waits is forgotten, whatever comes and ends', () => {
    const step = fc.oneof(
      fc.record({ from: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ ends: fc.nat(), byNode: fc.boolean() }),
      fc.record({ ms: fc.nat(2_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { handshakes, time, arrive } = some({ rate: { burst: 3, perSecond: 10 } });
        const underWay: string[] = [];
        let waiting = 0;
        const turn = () => {
          const { begin, late, againMs } = handshakes.next();
          underWay.push(...begin.map(({ source }) => source));
          waiting -= begin.length + late.length;
          expect(underWay.length).toBeLessThanOrEqual(limits.most);
          for (const source of ['a', 'b', 'c', 'd'])
            expect(underWay.filter((one) => one === source).length).toBeLessThanOrEqual(limits.mostOfSource);
          return againMs;
        };
        for (const each of steps) {
          if ('from' in each && arrive(each.from)) waiting++;
          if ('ms' in each) time.now += each.ms;
          const ended = 'ends' in each ? underWay.splice(each.ends % (underWay.length || 1), 1) : [];
          for (const source of ended) handshakes.ended(source, 'byNode' in each && each.byNode);
          turn();
        }
        // Whoever waits for others to end, or for the rate, has its turn.
        while (waiting > 0) {
          const againMs = turn();
          const ended = underWay.splice(0);
          for (const source of ended) handshakes.ended(source, false);
          if (ended.length > 0) continue;
          expect(waiting === 0 || againMs).toBeTruthy();
          time.now += againMs ?? 0;
        }
      }),
    );
  });
});
