import type { HostAnswer } from '@shoal/proto';
import { timingFor } from '@shoal/proto/rules';
import { describe, expect, it } from 'vitest';
import { byManager, longestGapMs, lookMs } from './judge.ts';
import { Watches } from './watches.ts';

const timing = timingFor(3);

/** One node, heard at 0, and a manager that looks as often as it should. */
function watching() {
  const watches = new Watches(0, timing.beatMs);
  watches.heard('n', 0);
  watches.heard('other', 0);
  let now = 0;
  const until = (end: number) => {
    while (now < end) {
      now = Math.min(end, now + lookMs);
      watches.heard('other', now);
      watches.look(now);
    }
    return watches.get('n')?.state;
  };
  const round = (answer: HostAnswer) => {
    const due = watches.due(now, 9);
    const from = now;
    until(now + 250);
    for (const id of due) watches.probed(id, { from, to: now, probes: [{ by: byManager, answer }] });
    return until(now + lookMs);
  };
  return { watches, until, round };
}

describe('a node', () => {
  it('that falls silent is probed, given up, and heard again', () => {
    const { watches, until, round } = watching();
    expect(until(950)).toBe('heard');
    expect(watches.due(950, 9)).toEqual([]);
    expect(until(1_000)).toBe('suspect');
    expect(round('silent')).toBe('silent');
    expect(round('silent')).toBe('down');
    expect(until(9_000)).toBe('down');
    expect(watches.crowd.known).toBe(1);
    watches.heard('n', 9_000);
    expect(watches.look(9_000)).toEqual(new Map([['n', 'down']]));
    expect(until(9_000)).toBe('heard');
  });

  it('that is down is probed until its isolated tasks are surely dead, or it is heard', () => {
    const { watches, until, round } = watching();
    until(1_000);
    round('silent');
    expect(round('silent')).toBe('down');
    expect(watches.get('n')?.leases).toBe('running');
    until(14_000);
    round('accepted');
    until(15_000);
    expect(watches.get('n')?.leases).toBe('unsure');
    round('silent');
    until(17_000);
    round('silent');
    expect(watches.get('n')?.leases).toBe('over');
    until(19_000);
    expect(watches.due(19_000, 9)).toEqual([]);
    watches.heard('n', 19_000);
    until(19_050);
    expect(watches.get('n')).toMatchObject({ state: 'heard', leases: undefined });
  });

  it('that was down when the manager was started gets all the time again', () => {
    const { watches, until, round } = watching();
    watches.inherit('n', 'running', 0);
    until(100);
    expect([watches.get('n')?.state, watches.crowd.known]).toEqual(['down', 1]);
    round('silent');
    until(14_000);
    round('silent');
    expect(watches.get('n')?.leases).toBe('running');
    until(15_000);
    expect(watches.get('n')?.leases).toBe('over');
    watches.inherit('n', 'over', 15_000);
    until(15_050);
    expect(watches.get('n')?.leases).toBe('over');
  });

  it('whose stream broke is probed at once, and less often once its host has answered for a second', () => {
    const { watches, until, round } = watching();
    until(100);
    watches.left('n');
    expect(until(150)).toBe('suspect');
    expect(round('refused')).toBe('away');
    expect(watches.due(350, 9)).toEqual([]);
    expect(watches.due(400, 9)).toEqual(['n']);
    watches.probed('n', { from: 400, to: 401, probes: [{ by: byManager, answer: 'refused' }] });
    until(1_000);
    expect(watches.due(1_000, 9)).toEqual(['n']);
    watches.probed('n', { from: 1_000, to: 1_001, probes: [{ by: byManager, answer: 'refused' }] });
    expect(watches.due(1_450, 9)).toEqual([]);
    expect(watches.due(1_500, 9)).toEqual(['n']);
  });

  it('waits for its turn when too many are probed', () => {
    const { watches, until } = watching();
    until(950);
    watches.left('n');
    watches.left('other');
    until(1_000);
    watches.left('other');
    watches.look(1_050);
    expect(watches.due(1_050, 1)).toEqual(['n']);
    expect(watches.due(1_050, 1)).toEqual([]);
    watches.probed('n', { from: 1_050, to: 1_300, probes: [] });
    expect(watches.due(1_300, 1)).toEqual(['other']);
  });

  it('gets no more patience than some agent was told to need, whatever it says of itself', () => {
    const { watches, until, round } = watching();
    const patience = () => watches.get('n')?.timing.beatMs;
    watches.heard('n', 0, 4_000_000_000);
    expect(patience()).toBe(timing.beatMs);
    expect(until(1_000)).toBe('suspect');
    round('silent');
    expect(round('silent')).toBe('down');
    watches.told('other', 2_000);
    watches.told('other', 500);
    watches.heard('n', 2_000, 2_000);
    expect(patience()).toBe(2_000);
  });

  it('that speaks while it is probed is judged by that', () => {
    const { watches, until } = watching();
    until(1_000);
    watches.due(1_000, 9);
    watches.heard('n', 1_100);
    watches.probed('n', { from: 1_000, to: 1_250, probes: [{ by: byManager, answer: 'silent' }] });
    expect(watches.get('n')).toMatchObject({ silentRounds: 0, rounds: [] });
  });
});

it('time in which the manager did not look is not held against the nodes', () => {
  const { watches, until } = watching();
  until(400);
  watches.look(60_000);
  expect(watches.get('n')?.state).toBe('heard');
  expect(watches.stalledMs).toBe(60_000 - 400 - longestGapMs);
  watches.look(60_000 + lookMs);
  expect(watches.stalledMs).toBe(0);
});

it('a manager that looks late, but often enough to hear all agents, gives a dead node no more time', () => {
  const watches = new Watches(0, timing.beatMs);
  watches.heard('n', 0);
  const looks = [240, 480, 720, 960].map((now) => {
    watches.heard('other', now);
    watches.look(now);
    return watches.get('n')?.state;
  });
  expect(looks).toEqual(['heard', 'heard', 'heard', 'heard']);
  watches.look(1_200);
  expect(watches.get('n')?.state).toBe('suspect');
  expect(watches.get('other')?.state).toBe('heard');
});
