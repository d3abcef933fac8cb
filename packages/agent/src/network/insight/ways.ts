import type { NetworkCheckQuery, NetworkHeard, WayCheck } from '@shoal/proto';
import { vxlanOverhead } from '@shoal/proto/rules';
import { Limiter } from '../../task/index.ts';
import { networkMtu } from '../kernel/index.ts';
import { type NetworkState, type Peer, vxlanAddress, wireguardAddress } from '../state/index.ts';
import { echoSources } from './heard.ts';
import { ping } from './ping.ts';

/** Hosts asked at a time. */
const width = 16;
/** No other host is begun with after this time; one takes four seconds at most, usually few milliseconds. */
const beginMs = 2_000;

/**
 * Asks the other hosts for an echo: through VXLAN, through WireGuard where both have encrypted networks, and
 * again with the largest packets of the networks. `underlay`: the largest packet of this host's link.
 */
export async function checkWays(
  state: NetworkState,
  { probe, nodeIds }: NetworkCheckQuery,
  underlay: number,
): Promise<WayCheck[]> {
  const limiter = new Limiter(width);
  const deadline = performance.now() + beginMs;
  const checks = nodeIds.map((nodeId) =>
    limiter.run(async () => {
      const peer = state.peers.get(nodeId);
      if (!peer || performance.now() > deadline) return [];
      return (await Promise.all(waysTo(state, peer).map((way) => walk(way, peer, probe, underlay)))).flat();
    }),
  );
  return (await Promise.all(checks)).flat();
}

interface Way {
  readonly encrypted: boolean;
  readonly mtuOf: (underlay: number) => number;
}

/** Ways to a host that the networks of this one use. The plain one is everybody's: published ports take it. */
export function waysTo({ networks }: NetworkState, peer: Peer): Way[] {
  const all = [...networks.values()];
  const shared = all.filter(
    ({ encrypted, peerSlices }) => encrypted && peerSlices.some(({ nodeId }) => nodeId === peer.nodeId),
  );
  const largest = (of: typeof all) => (underlay: number) =>
    Math.max(...of.map((network) => networkMtu(network, underlay)));
  const plain = all.filter(({ encrypted }) => !encrypted);
  const encrypted = shared.length > 0 && !!peer.key;
  return [
    ...(plain.length > 0 ? [{ encrypted: false, mtuOf: largest(plain) }] : []),
    // WireGuard carries the frames of the VXLAN: 50 bytes more than the networks' packets.
    ...(encrypted
      ? [{ encrypted: true, mtuOf: (underlay: number) => largest(shared)(underlay) + vxlanOverhead }]
      : []),
  ];
}

async function walk(
  { encrypted, mtuOf }: Way,
  peer: Peer,
  probe: number,
  underlay: number,
): Promise<WayCheck[]> {
  const address = encrypted ? wireguardAddress(peer.number) : vxlanAddress(peer.number);
  const attempt = async (size: number, id: number): Promise<WayCheck> => ({
    nodeId: peer.nodeId,
    encrypted,
    size,
    ...(await ping({ address, id, size })),
  });
  const small = await attempt(0, probe);
  return small.answered ? [small, await attempt(mtuOf(underlay), probe + 1)] : [small];
}

/** Node ids of the hosts whose requests came through the VXLAN in the clear. */
export async function heard({ self, peers }: NetworkState, probe: number): Promise<NetworkHeard> {
  const byAddress = new Map([...peers.values()].map((each) => [vxlanAddress(each.number), each.nodeId]));
  const from = async (id: number) =>
    (await echoSources(vxlanAddress(self.number), id)).flatMap((source) => byAddress.get(source) ?? []);
  return { small: await from(probe), full: await from(probe + 1) };
}
