import type { Network as ProtoNetwork } from '@shoal/proto';
import { isEncrypted, mtuOf, type Network, type Task } from '../../model/index.ts';
import { type FeedKind, isSame } from './kind.ts';
import { isLocal, needsNetwork } from './needs.ts';

/** A network as such; who has which part of it is a matter of its slices. */
export const network: FeedKind<ProtoNetwork> = {
  *touched(commit) {
    for (const { id, before, after } of commit.of('networks'))
      if (!isSame(before && factsOf(before), after && factsOf(after)))
        yield { id, nodes: commit.nodesOn(id) };
    for (const { networkId, nodes } of commit.turnovers) yield { id: networkId, nodes };
    for (const { before, after } of commit.of('tasks')) {
      if (before && after && isSame(placeOf(before), placeOf(after))) continue;
      // It may go in the same commit as the last task that needs it.
      for (const { NodeID, shoal } of [before, after].filter((each) => each !== undefined))
        for (const id of NodeID ? (shoal.networks ?? []) : [])
          if (commit.networks(id).some(isLocal)) yield { id, nodes: [NodeID ?? ''] };
    }
  },

  *all({ view }, nodeId) {
    for (const each of view.networks.all()) if (needsNetwork(view, each, nodeId)) yield each.ID;
  },

  needs({ view }, id, nodeId) {
    const found = view.networks.get(id);
    return found !== undefined && needsNetwork(view, found, nodeId);
  },

  object({ view }, id) {
    const found = view.networks.get(id);
    if (!found) return undefined;
    const { ID, Spec, shoal } = found;
    return {
      id: ID,
      name: Spec.Name ?? '',
      number: shoal.number,
      driver: Spec.Driver ?? 'overlay',
      subnets: [...shoal.subnets],
      internal: Spec.Internal ?? false,
      encrypted: isEncrypted(Spec),
      mtu: mtuOf(Spec),
      options: Spec.Options ?? {},
      ipamConfig: isLocal(found) && Spec.IPAM?.Config?.length ? JSON.stringify(Spec.IPAM.Config) : '',
    };
  },
};

const factsOf = ({ Spec, shoal }: Network) => [Spec, shoal.number, shoal.subnets];

const placeOf = ({ NodeID, shoal }: Task) => [NodeID, shoal.networks];
