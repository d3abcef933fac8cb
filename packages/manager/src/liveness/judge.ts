/** A node that said nothing for this long is down. */
export const silenceMs = 8_000;
/** What agents may need beyond that to find a manager that was started again, on hosts that are busy. */
export const reconnectMs = 10_000;
/** Status message of a node that is down for its silence; Docker's own words. */
export const silenceMessage = 'heartbeat failure';
/** How often silence is looked for. */
export const tickMs = 500;

export interface Ears {
  /** When each connected or expected node was last heard, ms since the epoch. */
  readonly heard: ReadonlyMap<string, number>;
  /** When this was last judged. */
  readonly lastTick: number;
  readonly now: number;
}

/**
 * Nodes that are silent for too long. The manager doubts itself first: time during which it did not even get
 * to look (a stalled event loop, a suspended machine) is not held against the nodes.
 */
export function silentNodes({ heard, lastTick, now }: Ears): { silent: string[]; deafMs: number } {
  const deafMs = Math.max(0, now - lastTick - tickMs);
  const silent = [...heard].filter(([, at]) => now - at - deafMs > silenceMs).map(([id]) => id);
  return { silent, deafMs };
}
