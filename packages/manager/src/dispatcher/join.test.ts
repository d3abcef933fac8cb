import { NodeFacts } from '@shoal/proto';
import { expect, it } from 'vitest';
import { sawSpec } from '../model/common.ts';
import { aNode } from '../testing.ts';
import { withFacts } from './join.ts';

it('what an agent says of its node does not let a change through that was made from an old look at it', () => {
  const drained = aNode('n1', { Version: { Index: 8 }, shoal: { number: 1, images: [], replacedIndex: 7 } });
  const told = withFacts(drained, NodeFacts.fromPartial({ hostname: 'n1' }), '');
  expect(sawSpec(7, told)).toBe(false);
});
