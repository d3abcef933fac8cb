import { blockOf, covers, requireAddress } from '@shoal/proto/rules';
import type { PresentLink } from '../kernel/index.ts';
import { bridgePrefix } from '../state/index.ts';

/**
 * Lines for `ip -batch`: of our bridges, those that hold an address which the host needs elsewhere go down, and their route
 * with them. Docker keeps a bridge while containers are attached. All others are up.
 */
export function diffBridgeStates(links: readonly PresentLink[], needed: Iterable<string>): string[] {
  const addresses = [...needed].map((address) => ({ base: requireAddress(address), prefix: 32 }));
  const holdsNeeded = ({ addresses: own }: PresentLink) =>
    own.some((text) => addresses.some((address) => covers(blockOf(text), address)));
  return links
    .filter(({ name }) => name.startsWith(bridgePrefix))
    .filter((link) => link.up === holdsNeeded(link))
    .map(({ name, up }) => `link set dev ${name} ${up ? 'down' : 'up'}`);
}
