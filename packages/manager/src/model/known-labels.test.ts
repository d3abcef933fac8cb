import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, unknownLabel } from './known-labels.ts';

describe('a label that begins with shoal.', () => {
  it.each([
    [
      'service',
      'shoal.prioriti',
      'Labels["shoal.prioriti"]: there is no such label; the nearest is shoal.priority, of a service',
    ],
    ['service', 'shoal.drian', 'nearest is shoal.drain,'],
    ['service', 'Shoal.LB', 'nearest is shoal.lb,'],
    ['node', 'shoal.zone', 'there is no such label; the nearest is shoal.'],
    ['node', 'shoal.drain', 'is a label of a service, not of a node'],
    ['network', 'shoal.lb', 'is a label of a service, not of a network'],
    ['container', 'shoal.lb', 'is a label of a service, not of a container (in a stack file: deploy.labels'],
    ['container', 'shoal.task.id', 'there is no such label'],
  ] as const)('is refused where it means nothing: %s %s', (kind, name, text) => {
    expect(unknownLabel(kind, { a: 'b', [name]: '1' }, {})).toContain(text);
  });

  it('is fine where it means something, and so are all others', () => {
    expect(unknownLabel('service', { 'shoal.lb': 'random', 'com.shoal.x': '1', shoal: '1' }, {})).toBe(
      undefined,
    );
    expect(unknownLabel('node', null, undefined)).toBe(undefined);
  });

  it('that was there before, with the same value, may stay', () => {
    const before = { 'shoal.old': '1' };
    expect(unknownLabel('service', { ...before, a: 'b' }, before)).toBe(undefined);
    expect(unknownLabel('service', { 'shoal.old': '2' }, before)).toContain('Labels["shoal.old"]');
  });
});

describe('the distance between two words', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['drian', 'drain', 2],
  ])('%j to %j is %j', (a, b, changes) => {
    expect(editDistance(a, b)).toBe(changes);
  });

  it('is the same both ways, 0 only for the same word, and never more than the longer one', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const changes = editDistance(a, b);
        expect(changes).toBe(editDistance(b, a));
        expect(changes === 0).toBe(a === b);
        expect(changes).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(changes).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });
});
