import { describe, expect, it } from 'vitest';
import { task } from '../services/testing.ts';
import { aNode } from '../testing.ts';
import { afterReliefMs, PressureReliefs, pressedMs } from './pressure-reliefs.ts';

const pressed = (kind: string) =>
  aNode('n1', { reported: { pressures: [{ kind, message: `short of ${kind}` }] } });
const never = Number.POSITIVE_INFINITY;
/** As was known in the beginning. */
const movableAt = (reliefs: PressureReliefs) => reliefs.beforeMove('n1', 0)?.until ?? never;
const old = task('old');
const next = task('next', { node: 'n2', state: 'starting' });

describe('a task may be moved off a node', () => {
  it('that has been under pressure for a while, whatever it is short of', () => {
    const reliefs = new PressureReliefs();
    expect(movableAt(reliefs)).toBe(never);
    reliefs.note('n1', pressed('memory'), 1_000);
    reliefs.note('n1', pressed('disk'), 5_000);
    expect(movableAt(reliefs)).toBe(1_000 + pressedMs);
    reliefs.note('n1', aNode('n1'), 6_000);
    expect(movableAt(reliefs)).toBe(never);
    reliefs.note('n1', pressed('disk'), 7_000);
    expect(movableAt(reliefs)).toBe(7_000 + pressedMs);
    reliefs.note('n1', pressed('journal'), 8_000);
    expect(movableAt(reliefs)).toBe(never);
    reliefs.note('n1', pressed('pids'), 8_000);
    reliefs.note('n1', undefined, 9_000);
    expect(movableAt(reliefs)).toBe(never);
  });

  it('one at a time, with time to see what the one before has freed', () => {
    const reliefs = new PressureReliefs();
    reliefs.note('n1', pressed('memory'), 0);
    reliefs.begin(old, next);
    expect(movableAt(reliefs)).toBe(never);
    expect(reliefs.noteTask('next', task('next', { node: 'n2' }), 20_000)).toBeUndefined();
    expect(reliefs.noteTask('other', undefined, 20_000)).toBeUndefined();
    expect(movableAt(reliefs)).toBe(never);
    expect(reliefs.noteTask('old', task('old', { state: 'shutdown' }), 30_000)).toBe('n1');
    expect(movableAt(reliefs)).toBe(30_000 + afterReliefMs);
  });

  it.each<[string, Parameters<PressureReliefs['noteTask']>]>([
    ['failed', ['next', task('next', { state: 'failed' }), 30_000]],
    ['was dropped', ['next', task('next', { change: { DesiredState: 'shutdown' } }), 30_000]],
    ['found no room', ['next', undefined, 30_000]],
  ])('also after a move that %s', (_, news) => {
    const reliefs = new PressureReliefs();
    reliefs.note('n1', pressed('memory'), 0);
    reliefs.begin(old, next);
    expect(reliefs.noteTask(...news)).toBe('n1');
    expect(movableAt(reliefs)).toBe(30_000 + afterReliefMs);
  });
});
