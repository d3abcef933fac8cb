import { describe, expect, it } from 'vitest';
import { aNode } from '../testing.ts';
import { Calm, calmMs } from './calm.ts';

const node = (state: 'ready' | 'down' | 'disconnected', Availability: 'active' | 'drain' = 'active') =>
  aNode('n1', { judged: { state: state === 'ready' ? 'heard' : state }, Spec: { Availability } });
const minute = 60_000;

describe('a node is calm', () => {
  it('some time after it came, came back, or was made active again', () => {
    const calm = new Calm([node('ready')], 0);
    expect(calm.calmAt('n1')).toBe(calmMs);
    expect([calm.nextAfter(0), calm.nextAfter(calmMs)]).toEqual([calmMs, Number.POSITIVE_INFINITY]);
    calm.note('n1', node('ready', 'drain'), 10_000);
    expect(calm.calmAt('n1')).toBe(Number.POSITIVE_INFINITY);
    calm.note('n1', node('ready'), 20_000);
    expect(calm.calmAt('n1')).toBe(20_000 + calmMs);
    expect(calm.quietAt).toBe(Number.NEGATIVE_INFINITY);
  });

  it('later each time it goes down soon after it came, until it stays', () => {
    const calm = new Calm([node('ready')], 0);
    const waits = [];
    let now = 0;
    for (let flap = 0; flap < 9; flap++) {
      now += 11_000;
      calm.note('n1', node('down'), now);
      calm.note('n1', node('ready'), now);
      waits.push((calm.calmAt('n1') - now) / 1_000);
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300, 300]);
    now += minute;
    calm.note('n1', node('down'), now);
    calm.note('n1', node('ready'), now);
    expect(calm.calmAt('n1')).toBe(now + calmMs);
  });

  const pressed = (kind: string) =>
    aNode('n1', { reported: { pressures: [{ kind, message: `short of ${kind}` }] } });

  it('as soon as ever when its host was under pressure, but short of nothing', () => {
    const calm = new Calm([node('ready')], 0);
    calm.note('n1', pressed('daemon'), 10_000);
    expect(calm.calmAt('n1')).toBe(Number.POSITIVE_INFINITY);
    calm.note('n1', node('ready'), 20_000);
    expect(calm.calmAt('n1')).toBe(20_000 + calmMs);
  });

  it('only minutes after it was short of something', () => {
    const short = pressed('disk');
    for (const calm of [
      new Calm([short], 0),
      new Calm([node('ready')], 0),
      new Calm([node('ready', 'drain')], 0),
    ]) {
      calm.note('n1', short, 10_000);
      expect(calm.calmAt('n1')).toBe(Number.POSITIVE_INFINITY);
      calm.note('n1', node('ready'), 20_000);
      expect(calm.calmAt('n1')).toBe(20_000 + 5 * minute);
      expect(calm.quietAt).toBe(Number.NEGATIVE_INFINITY);
    }
  });

  it('whatever is suspected meanwhile; but then, and after a loss, nothing is moved for a moment', () => {
    const calm = new Calm([node('ready')], 0);
    calm.note('n1', node('disconnected'), 10_000);
    calm.note('n1', node('ready'), 10_100);
    expect([calm.calmAt('n1'), calm.quietAt]).toEqual([calmMs, 10_000 + calmMs]);
    calm.note('n1', undefined, 20_000);
    expect([calm.calmAt('n1'), calm.quietAt]).toEqual([Number.POSITIVE_INFINITY, 20_000 + calmMs]);
  });
});
