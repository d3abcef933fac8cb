import { daemonSupport } from '../network/bridges/index.ts';
import { BridgeNetworks } from './bridge-networks.ts';

/** Why this host's daemon can't serve the cluster, in words for people; empty if it can. Rejects when it does not answer. */
export async function daemonTrouble(socketPath: string): Promise<string> {
  return daemonSupport(await new BridgeNetworks(socketPath).facts()).trouble;
}
