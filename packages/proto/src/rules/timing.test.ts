import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beatMsFor, leaseGraceMs, timingFor, timingOf } from './timing.ts';

const nodes = fc.integer({ min: 0, max: 200_000 });
/** Any length that beats may ever have. */
const beatMs = nodes.map((count) => beatMsFor(count));

it('of up to a thousand nodes beats twice a second, then ever less often', () => {
  const small = [0, 1, 3, 1_000].map(timingFor);
  for (const timing of small)
    expect(timing).toEqual({
      beatMs: 500,
      lateMs: 750,
      suspectMs: 1_000,
      disconnectedMs: 5_000,
      helperPatienceMs: 5_000,
      agentMs: 15_000,
      doubtMs: 10_000,
      leaseMs: 10_000,
      replaceMs: 15_000,
    });
  expect([1_001, 2_000, 5_000, 10_000].map((count) => timingFor(count).beatMs)).toEqual([
    750, 1_500, 4_000, 8_000,
  ]);
});

describe('whatever the size', () => {
  it('the manager gets no more than 2,000 beats a second, and of very many nodes fewer', () => {
    fc.assert(
      fc.property(nodes, (count) => {
        expect(count / beatMsFor(count)).toBeLessThanOrEqual(count < 5_000 ? 2 : 1.3);
      }),
    );
  });

  it('no second copy starts before the first must be dead, and no beat can be missed at once', () => {
    fc.assert(
      fc.property(beatMs, (beat) => {
        const { leaseMs, replaceMs } = timingOf(beat);
        expect(leaseMs + leaseGraceMs).toBeLessThan(replaceMs);
        expect(3 * beat).toBeLessThan(leaseMs);
      }),
    );
    expect(() => timingOf(200)).toThrow('must end before');
  });

  it('a node is late before it is suspect, and each further step comes after that', () => {
    fc.assert(
      fc.property(beatMs, (beat) => {
        const { lateMs, suspectMs, disconnectedMs, helperPatienceMs, agentMs } = timingOf(beat);
        const steps = [beat, lateMs, suspectMs, Math.min(disconnectedMs, helperPatienceMs), agentMs];
        for (let i = 1; i < steps.length; i++) expect(steps[i]).toBeGreaterThan(steps[i - 1] ?? 0);
      }),
    );
  });

  it('one node more or less changes beats once, not again and again', () => {
    fc.assert(
      fc.property(nodes, fc.array(fc.nat(99)), (count, less) => {
        const beat = beatMsFor(count);
        for (const missing of less) expect(beatMsFor(Math.max(0, count - missing), beat)).toBe(beat);
      }),
    );
  });

  it('what is kept of the time before is never too short, and a step too long at most', () => {
    fc.assert(
      fc.property(nodes, beatMs, (count, before) => {
        const beat = beatMsFor(count, before);
        expect(beat).toBeGreaterThanOrEqual(beatMsFor(count));
        expect(beat).toBeLessThanOrEqual(beatMsFor(count) + 250);
        expect(beatMsFor(count, beat)).toBe(beat);
      }),
    );
  });
});
