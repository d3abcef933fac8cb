import { describe, expect, it } from 'vitest';
import { task } from '../services/testing.ts';
import { aNode } from '../testing.ts';
import { Strains, settledMs, strainedMs } from './strains.ts';

const pressed = (kind: string) =>
  aNode('n1', { reported: { pressures: [{ kind, message: `short of ${kind}` }] } });
const never = Number.POSITIVE_INFINITY;
/** As was known in the beginning. */
const movableAt = (strains: Strains) => strains.beforeMove('n1', 0)?.until ?? never;
const old = task('old');
const next = task('next', { node: 'n2', state: 'starting' });

describe('a task may be moved off a node', () => {
  it('that has been under pressure for a while, whatever it is short of', () => {
    const strains = new Strains();
    expect(movableAt(strains)).toBe(never);
    strains.note('n1', pressed('memory'), 1_000);
    strains.note('n1', pressed('disk'), 5_000);
    expect(movableAt(strains)).toBe(1_000 + strainedMs);
    strains.note('n1', aNode('n1'), 6_000);
    expect(movableAt(strains)).toBe(never);
    strains.note('n1', pressed('disk'), 7_000);
    expect(movableAt(strains)).toBe(7_000 + strainedMs);
    strains.note('n1', pressed('journal'), 8_000);
    expect(movableAt(strains)).toBe(never);
    strains.note('n1', pressed('pids'), 8_000);
    strains.note('n1', undefined, 9_000);
    expect(movableAt(strains)).toBe(never);
  });

  it('one at a time, with time to see what the one before has freed', () => {
    const strains = new Strains();
    strains.note('n1', pressed('memory'), 0);
    strains.begin(old, next);
    expect(movableAt(strains)).toBe(never);
    expect(strains.noteTask('next', task('next', { node: 'n2' }), 20_000)).toBeUndefined();
    expect(strains.noteTask('other', undefined, 20_000)).toBeUndefined();
    expect(movableAt(strains)).toBe(never);
    expect(strains.noteTask('old', task('old', { state: 'shutdown' }), 30_000)).toBe('n1');
    expect(movableAt(strains)).toBe(30_000 + settledMs);
  });

  it.each<[string, Parameters<Strains['noteTask']>]>([
    ['failed', ['next', task('next', { state: 'failed' }), 30_000]],
    ['was dropped', ['next', task('next', { change: { DesiredState: 'shutdown' } }), 30_000]],
    ['found no room', ['next', undefined, 30_000]],
  ])('also after a move that %s', (_, news) => {
    const strains = new Strains();
    strains.note('n1', pressed('memory'), 0);
    strains.begin(old, next);
    expect(strains.noteTask(...news)).toBe('n1');
    expect(movableAt(strains)).toBe(30_000 + settledMs);
  });
});
