import { CommandError, run } from './kernel.ts';
import { answering } from './open-connections.ts';
import type { NetworkState } from './state.ts';

/**
 * UDP has no end: a client that keeps sending would reach an endpoint that is gone for as long as it sends.
 * Connections of TCP and SCTP end by themselves, those of an endpoint about to stop even have to.
 */
export async function forgetUdpFlows(addresses: readonly string[]): Promise<void> {
  if (addresses.length === 0) return;
  // With a network, thousands may go at once, and hardly any of them has a flow.
  const flows = await run('conntrack', ['-L', '-p', 'udp']);
  for (const address of withFlows(flows, addresses)) {
    try {
      await run('conntrack', ['-D', '-p', 'udp', '--reply-src', address]);
    } catch (error) {
      // It fails, too, when the flow has ended meanwhile.
      if (!(error instanceof CommandError && /0 flow entries/.test(error.stderr))) throw error;
    }
  }
}

/** Those of the addresses that answer in a flow of what `conntrack -L` lists. */
export function withFlows(flows: string, addresses: readonly string[]): Set<string> {
  const seen = new Set(flows.split('\n').map(answering));
  return new Set(addresses.filter((address) => seen.has(address)));
}

/** Addresses that got traffic through a service and no longer do. */
export function goneAddresses(before: NetworkState | undefined, now: NetworkState): string[] {
  const gone: string[] = [];
  for (const [id, old] of before?.services ?? []) {
    const current = now.services.get(id);
    if (current === old) continue;
    const kept = new Set(current?.endpoints.flatMap(({ addresses }) => Object.values(addresses)));
    for (const { addresses } of old.endpoints)
      gone.push(...Object.values(addresses).filter((address) => !kept.has(address)));
  }
  return gone;
}
