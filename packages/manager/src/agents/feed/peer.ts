import type { Peer } from '@shoal/proto';
import type { Node } from '../../model/index.ts';
import { type FeedKind, isSame } from './kind.ts';

/** A host of the overlay. */
export const peer: FeedKind<Peer> = {
  *touched(commit) {
    for (const { id, before, after } of commit.of('nodes'))
      if (!isSame(before && factsOf(before), after && factsOf(after)))
        yield { id, nodes: 'all', canWait: !before };
  },

  *all({ view }) {
    for (const { ID } of view.nodes.all()) yield ID;
  },

  needs({ view }, id) {
    return view.nodes.get(id) !== undefined;
  },

  object({ view }, id) {
    const node = view.nodes.get(id);
    return node && factsOf(node);
  },
};

const factsOf = ({ ID, reported, allotted }: Node): Peer => ({
  nodeId: ID,
  number: allotted.number,
  address: reported.address,
  key: reported.key ?? '',
});
