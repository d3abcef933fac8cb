import { bridgesOf, type Network, originMark, outboundMark, publishedMark, vxlanOf } from '../state/index.ts';
import { marked, refuseSctp } from './base-rules.ts';
import { type Chain, chain } from './table.ts';

/** What a network's containers may send to, and who may send to them. */
export function networkChains(network: Network): Map<string, Chain> {
  return new Map([
    [fromChain(network), chain(from(network))],
    [toChain(network), chain(to(network))],
  ]);
}

export const fromChain = (network: Network): string => `from-${network.number}`;
export const toChain = (network: Network): string => `to-${network.number}`;

const slicesOfPeers = (network: Network) => network.peerSlices.flatMap(({ slices }) => slices).sort();

const bridgeNames = (network: Network) =>
  `{ ${bridgesOf(network)
    .map(({ bridge }) => `"${bridge}"`)
    .join(', ')} }`;

function from(network: Network): string[] {
  const peers = slicesOfPeers(network);
  const way = `oifname "${vxlanOf(network)}"`;
  return [
    `oifname ${bridgeNames(network)} accept`,
    ...(peers.length > 0 ? [`${way} ip daddr { ${peers.join(', ')} } accept`] : []),
    ...(network.internal ? [] : [`${marked(publishedMark)} accept`]),
    // Other networks; and addresses of this one that nobody has, such as VIPs without an endpoint.
    'oifname "sh.*" meta l4proto tcp reject with tcp reset',
    `oifname "sh.*" meta l4proto sctp ${refuseSctp}`,
    'oifname "sh.*" reject',
    ...(network.internal
      ? ['reject with icmp type net-unreachable']
      : [`ct mark set 0x${outboundMark.toString(16)} accept`]),
  ];
}

function to(network: Network): string[] {
  const peers = slicesOfPeers(network);
  return [
    ...(peers.length > 0 ? [`iifname "${vxlanOf(network)}" ip saddr { ${peers.join(', ')} } accept`] : []),
    `${marked(publishedMark)} accept`,
    `iifname "${vxlanOf(network)}" ${marked(originMark)} accept`,
    // Ports that Docker itself publishes on the host.
    'iifname != "sh.*" ct status dnat accept',
    'drop',
  ];
}
