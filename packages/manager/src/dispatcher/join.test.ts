import { NodeFacts } from '@shoal/proto';
import { expect, it } from 'vitest';
import { sawSpec } from '../model/common.ts';
import { aNode } from '../testing.ts';
import { withFacts } from './join.ts';

const context = { clock: () => 0, managerAddr: '' };

it('what an agent says of its node does not let a change through that was made from an old look at it', () => {
  const drained = aNode('n1', { Version: { Index: 8 }, shoal: { number: 1, images: [], replacedIndex: 7 } });
  const told = withFacts(drained, NodeFacts.fromPartial({ hostname: 'n1' }), context);
  expect(sawSpec(7, told)).toBe(false);
});

it('what a host is short of stands at its node until its agent says nothing of it any more', () => {
  const pressures = [{ kind: 'memory', message: 'short of memory: 1 MiB available of 2 GiB' }];
  const told = withFacts(aNode('n1'), NodeFacts.fromPartial({ hostname: 'n1', pressures }), context);
  expect([told.Status.State, told.shoal.pressures]).toEqual(['ready', pressures]);
  const eased = withFacts(told, NodeFacts.fromPartial({ hostname: 'n1' }), context);
  expect(eased.shoal.pressures).toBeUndefined();
});
