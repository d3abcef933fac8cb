import {
  betweenHostsRange,
  formatBlock,
  holds,
  overlaps,
  parseAddress,
  parseBlock,
} from '@shoal/proto/rules';
import type { ClosedNetwork, Node } from '../model/index.ts';
import type { ReadView, Tx } from '../store/index.ts';
import { neededBy, nextSubnet } from './usage.ts';

/**
 * Networks that Shoal chose the subnet of, and that nobody has an address in yet, get another one where theirs overlaps
 * what the node's host needs. So does the ingress network, which is there before the first host.
 */
export function makeWay(tx: Tx, node: Node): void {
  const needed = neededBy(node);
  for (const network of tx.networks.all()) {
    const { grows, slices, subnets } = network.shoal;
    const isInTheWay = subnets
      .map(parseBlock)
      .some((own) => needed.some(({ block }) => overlaps(own, block)));
    if (!isInTheWay || !grows || slices.length > 0) continue;
    const block = nextSubnet(tx);
    if (block) tx.networks.update({ ...network, shoal: { ...network.shoal, subnets: [formatBlock(block)] } });
  }
}

/** The networks that are in the way of what the node's host needs; its links alone are no reason. */
export function closedNetworks(view: Pick<ReadView, 'networks'>, node: Node): ClosedNetwork[] {
  const needed = neededBy(node).filter(({ harms }) => harms);
  return [...view.networks.all()].flatMap(({ ID, Spec, shoal }) => {
    for (const cidr of shoal.subnets) {
      const hit = needed.find(({ block }) => overlaps(block, parseBlock(cidr)));
      if (hit) return [{ networkId: ID, why: `network ${Spec.Name} (${cidr}) covers ${hit.by}` }];
    }
    return [];
  });
}

/** Why a host with this address can't take part, in words for people; undefined if it can. */
export function addressConflict(view: Pick<ReadView, 'networks'>, { reported }: Node): string | undefined {
  const address = parseAddress(reported.address);
  if (address === undefined) return undefined;
  if (holds(parseBlock(betweenHostsRange), address))
    return `the address ${reported.address} of this host is one of those that hosts have in VXLAN and WireGuard (${betweenHostsRange}): start the agent with another --advertise-addr`;
  for (const { Spec, shoal } of view.networks.all()) {
    const cidr = shoal.subnets.find((subnet) => holds(parseBlock(subnet), address));
    if (cidr)
      return `the address ${reported.address} of this host lies in network ${Spec.Name} (${cidr}), so the other hosts would not reach it: remove that network and create it with another --subnet`;
  }
  return undefined;
}
