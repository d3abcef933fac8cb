import type { HostAnswer } from '@shoal/proto';
import { timingFor } from '@shoal/proto/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byManager, crowdOf, judge, leasesOf, readRound, type Watch } from './judge.ts';

const timing = timingFor(3);
const { suspectMs, agentMs, doubtMs, replaceMs } = timing;
const watch = (change: Partial<Watch> = {}): Watch => ({
  heardAt: 0,
  timing,
  leaseOverAt: replaceMs,
  broken: false,
  answered: false,
  silentRounds: 0,
  soundRounds: change.silentRounds ?? 0,
  refused: false,
  ...change,
});
const calm = { known: 3, unheard: 1, unanswered: 1 };
const panic = { known: 3, unheard: 2, unanswered: 2 };

describe('a node is', () => {
  it.each([
    ['heard', watch(), calm, suspectMs - 1],
    ['suspect', watch(), calm, suspectMs],
    ['suspect', watch({ broken: true }), calm, 1],
    ['away', watch({ answered: true }), calm, suspectMs],
    ['away', watch({ answered: true }), calm, agentMs - 1],
    ['down', watch({ answered: true }), calm, agentMs],
    ['away', watch({ answered: true }), panic, agentMs + doubtMs - 1],
    ['down', watch({ answered: true }), panic, agentMs + doubtMs],
    ['silent', watch({ silentRounds: 1 }), calm, suspectMs + 250],
    ['down', watch({ silentRounds: 2 }), calm, suspectMs + 500],
    ['silent', watch({ answered: true, silentRounds: 3 }), calm, 4_000],
    ['down', watch({ answered: true, silentRounds: 4 }), calm, 4_000],
    // Its stream ended and its host is silent, but half a second is no time.
    ['silent', watch({ broken: true, silentRounds: 2 }), calm, 500],
    // More than half did not answer either until a moment ago.
    ['silent', watch({ silentRounds: 40, soundRounds: 1 }), calm, suspectMs + doubtMs - 1],
    ['down', watch({ silentRounds: 40, soundRounds: 2 }), calm, suspectMs],
    ['silent', watch({ silentRounds: 40 }), panic, suspectMs + doubtMs - 1],
    ['down', watch({ silentRounds: 40 }), panic, suspectMs + doubtMs],
  ])('%s: %j among %j after %i ms', (state, node, crowd, now) => {
    expect(judge(node, crowd, Number.POSITIVE_INFINITY, now)).toBe(state);
  });

  it.each([
    // More than half of the agents were away until a moment ago.
    ['away', watch({ answered: true }), doubtMs - 1, agentMs],
    ['away', watch({ answered: true }), doubtMs - 1, agentMs + doubtMs],
    ['down', watch({ answered: true }), doubtMs, agentMs + doubtMs],
    // More than half did not answer either: these rounds are of before.
    ['silent', watch({ silentRounds: 40, soundRounds: 1 }), doubtMs - 1, suspectMs + doubtMs],
  ])('%s: %j, %i ms after the manager doubted itself, after %i ms', (state, node, calmMs, now) => {
    expect(judge(node, calm, calmMs, now)).toBe(state);
  });

  it('never heard again without being heard, and down in the end, whatever the others do', () => {
    fc.assert(
      fc.property(
        fc.record({
          heardAt: fc.constant(0),
          broken: fc.boolean(),
          answered: fc.boolean(),
          silentRounds: fc.nat(9),
          refused: fc.boolean(),
        }),
        fc.record({ known: fc.nat(9), unheard: fc.nat(9), unanswered: fc.nat(9) }),
        fc.nat(20_000),
        fc.nat(20_000),
        (node, crowd, calmMs, more) => {
          expect(judge(watch(node), crowd, calmMs, suspectMs + more)).not.toBe('heard');
          expect(judge(watch(node), crowd, Math.max(calmMs, doubtMs), agentMs + doubtMs + more)).toBe('down');
        },
      ),
    );
  });
});

describe('isolated tasks of a node that is down', () => {
  it.each([
    ['running', watch({ silentRounds: 2 }), replaceMs - 1],
    ['over', watch({ silentRounds: 2 }), replaceMs],
    ['running', watch({ silentRounds: 1 }), replaceMs],
    ['over', watch({ silentRounds: 2, answered: true }), replaceMs],
    ['unsure', watch({ answered: true }), replaceMs],
    ['unsure', watch({ silentRounds: 9, refused: true }), 60_000],
    ['running', watch(), 60_000],
  ])('%s: %j after %i ms', (leases, node, now) => {
    expect(leasesOf(node, now)).toBe(leases);
  });
});

describe('a round of probes', () => {
  const round = (own: HostAnswer, ...others: HostAnswer[]) => [
    { by: byManager, answer: own },
    ...others.map((answer, index) => ({ by: `n${index}`, answer })),
  ];

  it.each([
    ['answered', round('accepted')],
    ['answered', round('silent', 'silent', 'refused')],
    ['answered', round('unknown', 'accepted')],
    ['silent', round('silent')],
    ['silent', round('silent', 'silent', 'silent', 'silent')],
    ['unclear', round('silent', 'silent', 'unknown')],
    ['unclear', round('unknown', 'silent', 'silent')],
    ['unclear', []],
  ])('is %s: %j', (says, probes) => {
    expect(readRound(probes, true)).toBe(says);
  });

  it('does without helpers that never answer, but not without the manager’s own eyes', () => {
    expect(readRound(round('silent', 'silent', 'unknown'), false)).toBe('silent');
    expect(readRound(round('unknown', 'silent', 'silent'), false)).toBe('unclear');
    expect(readRound([], false)).toBe('unclear');
  });
});

it('counts who is late already, since nodes that fall silent together are not noticed together', () => {
  const watches = [watch(), watch({ heardAt: 300 }), watch({ answered: true }), watch({ heardAt: 900 })];
  expect(crowdOf(watches, 4, 1_050)).toEqual({ known: 4, unheard: 3, unanswered: 2 });
});
