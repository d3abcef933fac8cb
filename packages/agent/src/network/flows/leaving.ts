import { setTimeout as sleep } from 'node:timers/promises';
import { openConnections } from './open-connections.ts';

/** Waits before a container stops, so that no client loses a request by it. */

/** How often open connections of a task that shall stop are counted. */
const drainLookMs = 200;
/** All hosts hear of a change at the same time; this long after this host the others have it in their kernels. */
const othersMs = 200;
/** How often the manager's word is looked for that an endpoint is withdrawn. */
const withdrawnLookMs = 25;

/** Waits until this host, and then the others, give a task no more traffic, but no longer than `ms`. */
export async function withdrawn(isEndpoint: () => boolean, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  if (!isEndpoint()) return;
  while (performance.now() < deadline && isEndpoint()) await sleep(withdrawnLookMs);
  await sleep(othersMs);
}

/** Waits until nobody holds a connection to these addresses any more, but no longer than `ms`. */
export async function drained(addresses: readonly string[], ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (performance.now() < deadline && (await openConnections(addresses)) > 0) await sleep(drainLookMs);
}
