import { vxlanOverhead, wireguardOverhead } from '@shoal/proto/rules';
import type { Network } from '../state/index.ts';
import type { PresentLink } from './links.ts';

/** Largest packet of the device that carries the host's address. Throws if none does. */
export function underlayMtu(links: readonly PresentLink[], address: string): number {
  const link = links.find(({ addresses }) => addresses.some((each) => each.startsWith(`${address}/`)));
  if (!link)
    throw new Error(
      `no network device of this host has the address ${address}: start the agent with an --advertise-addr of this host`,
    );
  return link.mtu;
}

/** Largest packet of a network's containers: what its network names, but never more than gets through. */
export function networkMtu(network: Network, underlay: number): number {
  const fits = underlay - vxlanOverhead - (network.encrypted ? wireguardOverhead : 0);
  return network.mtu > 0 ? Math.min(network.mtu, fits) : fits;
}
