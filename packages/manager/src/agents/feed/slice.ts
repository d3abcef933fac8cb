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
        if (!isSame(was?.get(owner), is?.get(owner))) yield { id: `${id}/${owner}`, nodes };
      const turnover = commit.turnovers.find(({ networkId }) => networkId === id);
      if (turnover && !(after && isEverywhere(after)))
        for (const owner of owners) yield { id: `${id}/${owner}`, nodes: turnover.nodes };
    }
  },

  *all({ view }, nodeId) {
    for (const network of view.networks.all()) {
      if (!needsNetwork(view, network, nodeId)) continue;
      for (const { id } of slicesOf(network).values()) yield id;
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
    const part = network && slicesOf(network).get(owner);
    return part && { networkId, nodeId: owner, blocks: [...part.blocks] };
  },
};

const partsOf = (id: string) => {
  const at = id.indexOf('/');
  return { networkId: id.slice(0, at), owner: id.slice(at + 1) };
};
