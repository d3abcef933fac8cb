import type { Slice } from '@shoal/proto';
import { type FeedKind, isSame } from './kind.ts';
import { isEverywhere, needsNetwork, slicesOf } from './needs.ts';

/** What one node has of a network: for all who take part in it. */
export const slice: FeedKind<Slice> = {
  *touched(commit) {
    for (const { id, before, after } of commit.of('networks')) {
      const [was, is] = [before && slicesOf(before), after && slicesOf(after)];
      if (was === is) continue;
      const owners = new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])]);
      if (owners.size === 0) continue;
      const nodes = commit.nodesOn(id);
      for (const owner of owners)
        if (!isSame(was?.get(owner), is?.get(owner))) yield { id: idOf(id, owner), nodes };
      const moved = commit.moved.find(({ networkId }) => networkId === id);
      if (moved && !(after && isEverywhere(after)))
        for (const owner of owners) yield { id: idOf(id, owner), nodes: moved.nodes };
    }
  },

  *candidates({ view }, nodeId) {
    for (const network of view.networks.all()) {
      if (!needsNetwork(view, network, nodeId)) continue;
      for (const owner of slicesOf(network).keys()) yield idOf(network.ID, owner);
    }
  },

  needs({ view }, id, nodeId) {
    const { networkId, owner } = partsOf(id);
    const network = view.networks.get(networkId);
    return network !== undefined && slicesOf(network).has(owner) && needsNetwork(view, network, nodeId);
  },

  object({ view }, id) {
    const { networkId, owner } = partsOf(id);
    const network = view.networks.get(networkId);
    const blocks = network && slicesOf(network).get(owner);
    return blocks && { networkId, nodeId: owner, blocks: [...blocks] };
  },
};

const idOf = (networkId: string, owner: string): string => `${networkId}/${owner}`;

const partsOf = (id: string) => {
  const at = id.indexOf('/');
  return { networkId: id.slice(0, at), owner: id.slice(at + 1) };
};
