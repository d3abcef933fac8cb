import type { BridgePlan } from '../state/index.ts';

/** What Docker's bridge driver is told of a network, besides its addresses; `more`: what this daemon needs. */
export const bridgeOptions = (
  { bridge, mtu }: BridgePlan,
  more: Readonly<Record<string, string>>,
): Record<string, string> => ({
  [bridgeOption]: bridge,
  // Docker would hide the containers' addresses from each other.
  'com.docker.network.bridge.enable_ip_masquerade': 'false',
  'com.docker.network.driver.mtu': String(mtu),
  ...more,
});
export const bridgeOption = 'com.docker.network.bridge.name';
