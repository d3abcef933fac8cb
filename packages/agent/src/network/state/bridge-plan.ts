import { blockOf, covers, formatAddress, formatBlock } from '@shoal/proto/rules';
import { bridgeName } from './kernel-names.ts';
import { ingressName, type Network } from './state.ts';

/** A Docker network of the bridge driver: the part of a cluster network on this host. */
export interface BridgePlan {
  /** The Docker network's name, to attach containers to. */
  readonly name: string;
  /** The device. */
  readonly bridge: string;
  readonly networkId: string;
  readonly subnet: string;
  /** Where Docker takes addresses from unless told one. */
  readonly range: string;
  readonly gateway: string;
  readonly mtu: number;
}

/**
 * One bridge per subnet in which this host has a slice. A container sees the whole subnet as its link, whatever
 * slice it is in: so it needs no route of its own, even when its default gateway belongs to another network.
 * `mtu`: what networks get that don't name one.
 */
export function bridgesOf(network: Network, mtu = 0): BridgePlan[] {
  return network.subnets.flatMap((text, index) => {
    const subnet = blockOf(text);
    const range = network.slices.map(blockOf).find((slice) => covers(subnet, slice));
    if (!range) return [];
    return {
      name: dockerName(network, index),
      bridge: bridgeName(network.number, index),
      networkId: network.id,
      subnet: formatBlock(subnet),
      range: formatBlock(range),
      gateway: formatAddress(range.base + 1),
      mtu: network.mtu || mtu,
    };
  });
}

/**
 * Docker gives a container the default gateway of the network whose name sorts first. One with a way out comes
 * before those without, and the ingress network first of all: what answers over UDP must do so from the address
 * that was asked.
 */
function dockerName({ name, number, internal }: Network, index: number): string {
  const plain = name.replace(/[^a-zA-Z0-9_.-]/g, '-');
  const rank = name === ingressName ? 0 : internal ? 2 : 1;
  return `shoal.${rank}.${plain}.${number}${index > 0 ? `.${index}` : ''}`;
}
