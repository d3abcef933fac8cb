import { CommandError, run } from './kernel.ts';
import type { NetworkState } from './state.ts';

/**
 * UDP has no end: a client that keeps sending would reach an endpoint that is gone for as long as it sends.
 * Connections of TCP and SCTP end by themselves, those of an endpoint about to stop even have to.
 */
export async function forgetUdpFlows(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    try {
      await run('conntrack', ['-D', '-p', 'udp', '--reply-src', address]);
    } catch (error) {
      // It fails, too, when there is no such flow.
      if (!(error instanceof CommandError && /0 flow entries/.test(error.stderr))) throw error;
    }
  }
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
