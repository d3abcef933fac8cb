import { expect, it } from 'vitest';
import type { Node } from '../model/index.ts';
import { aNode } from '../testing.ts';
import { quietMs, RecentLoss } from './recent-loss.ts';

const ready = aNode('n1');
const drained = aNode('n1', { Spec: { Availability: 'drain' } });
const is = (state: Node['judged']['state']) => aNode('n1', { judged: { state } });

it.each<[string, Node | undefined, Node | undefined, boolean]>([
  ['a node that went down', ready, is('down'), true],
  ['one that is only suspected', ready, is('disconnected'), true],
  ['one that was removed', ready, undefined, true],
  ['none where it took no tasks', drained, undefined, false],
  ['none where it is drained', ready, drained, false],
  ['none where it came back', is('down'), ready, false],
])('moves wait for a moment after the loss of %s', (_, before, after, waits) => {
  const recentLoss = new RecentLoss(0);
  recentLoss.note(before, after, 60_000);
  const until = recentLoss.beforeMove({ kind: 'service', id: 'web' }, 60_000)?.until;
  expect(until).toBe(waits ? 60_000 + quietMs : undefined);
  expect(recentLoss.beforeMove({ kind: 'service', id: 'web' }, 60_000 + quietMs)).toBeUndefined();
});

it('and after a start', () => {
  expect(new RecentLoss(1_000).beforeMove({ kind: 'node', id: 'n1' }, 2_000)?.until).toBe(1_000 + quietMs);
});
