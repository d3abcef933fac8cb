import { describe, expect, it } from 'vitest';
import { companionOf, drainMs, labelTrouble, parseDuration, priorityOf } from './labels.ts';

describe('labels of a service', () => {
  it.each([
    ['0', 0],
    ['500ms', 500],
    ['1m30s', 90_000],
    ['1.5s', 1_500],
    ['5', undefined],
    ['-1s', undefined],
    ['', undefined],
    ['5 s', undefined],
  ])('duration %j is %j ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it('has a default drain time', () => {
    expect([drainMs(undefined), drainMs({}), drainMs({ 'shoal.drain': '0' })]).toEqual([5_000, 5_000, 0]);
  });

  it.each([
    [{ 'shoal.lb': 'best' }, 'Labels["shoal.lb"]: must be random or source-hash, got "best"'],
    [{ 'shoal.drain': 'soon' }, 'Labels["shoal.drain"]: must be a duration from 0 to 10m'],
    [{ 'shoal.drain': '11m' }, 'Labels["shoal.drain"]'],
    [{ 'shoal.network': 'host' }, 'Labels["shoal.network"]: must be service:NAME'],
    [{ 'shoal.rebalance': 'yes' }, 'Labels["shoal.rebalance"]: must be on or off, got "yes"'],
    [{ 'shoal.isolation': 'yes' }, 'Labels["shoal.isolation"]: must be continue or stop, got "yes"'],
    [{ 'shoal.rebalance': '' }, 'Labels["shoal.rebalance"]: must be on or off, got ""'],
    [{ 'shoal.volume': 'keep' }, 'Labels["shoal.volume"]: must be stay or new, got "keep"'],
    [
      { 'shoal.affinity': 'db:zone' },
      'Labels["shoal.affinity"]: must be SERVICE or SERVICE:node.labels.NAME',
    ],
    [{ 'shoal.affinity': '' }, 'Labels["shoal.affinity"]'],
    [{ 'shoal.anti-affinity': 'db,,web' }, 'Labels["shoal.anti-affinity"]'],
    [{ 'shoal.strategy.placement': 'pack' }, 'must be spread or binpack, got "pack"'],
    [{ 'shoal.priority': 'high' }, 'Labels["shoal.priority"]: must be a whole number from -1000 to 1000'],
    [{ 'shoal.priority': '1.5' }, 'Labels["shoal.priority"]'],
    [{ 'shoal.priority': '1001' }, 'Labels["shoal.priority"]'],
    [{ 'shoal.priority': '' }, 'Labels["shoal.priority"]'],
  ])('%j is refused', (labels, text) => {
    expect(labelTrouble(labels)).toContain(text);
  });

  it('has a priority, 0 by default', () => {
    const labels = [{}, { 'shoal.priority': '-20' }, { 'shoal.priority': '1000' }];
    expect(labels.map(labelTrouble)).toEqual([undefined, undefined, undefined]);
    expect([undefined, ...labels].map(priorityOf)).toEqual([0, 0, -20, 1000]);
  });

  it('that are well-formed, or of others, are fine', () => {
    expect(
      labelTrouble({ 'shoal.lb': 'source-hash', 'shoal.drain': '2s', 'shoal.network': 'service:db' }),
    ).toBe(undefined);
    expect(labelTrouble({ a: 'b' })).toBe(undefined);
    expect(['on', 'off'].map((value) => labelTrouble({ 'shoal.rebalance': value }))).toEqual([
      undefined,
      undefined,
    ]);
    expect([companionOf('service:db'), companionOf('host')]).toEqual(['db', undefined]);
  });
});
