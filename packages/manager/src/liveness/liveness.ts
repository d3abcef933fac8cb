import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import type { Store } from '../store/index.ts';
import { reconnectMs, silenceMessage, silentNodes, tickMs } from './judge.ts';

export interface Liveness {
  /** A message of this node arrived. */
  heard(nodeId: string): void;
  close(): void;
}

/** Marks nodes down that stay silent. Coming back is the dispatcher's business: a node that talks is ready. */
export function startLiveness(store: Store, { clock, log }: { clock: Clock; log: Logger }): Liveness {
  const heard = new Map<string, number>();
  let lastTick = clock();
  // After a restart of the manager every node that was ready gets the full time, and some more to connect again.
  for (const node of store.view.nodes.all())
    if (node.Status.State !== 'down') heard.set(node.ID, lastTick + reconnectMs);

  const tick = () => {
    const now = clock();
    const { silent, deafMs } = silentNodes({ heard, lastTick, now });
    lastTick = now;
    if (deafMs > tickMs) {
      log.warn({ deafMs }, 'the manager stalled; its nodes get that much more time');
      for (const [id, at] of heard) heard.set(id, at + deafMs);
    }
    if (silent.length === 0) return;
    for (const id of silent) heard.delete(id);
    markDown(silent).catch((err) => {
      log.error({ err }, 'could not record silent nodes, trying again');
      for (const id of silent) heard.set(id, 0);
    });
  };

  const markDown = (ids: readonly string[]) =>
    store.update((tx) => {
      for (const id of ids) {
        const node = tx.nodes.get(id);
        // It may have been removed, or have spoken again in the meantime.
        if (!node || node.Status.State === 'down' || heard.has(id)) continue;
        log.warn({ nodeId: id, hostname: node.Description.Hostname }, 'node is silent: down');
        tx.nodes.update({ ...node, Status: { ...node.Status, State: 'down', Message: silenceMessage } });
      }
    });

  const timer = setInterval(tick, tickMs);
  return {
    heard: (nodeId) => void heard.set(nodeId, clock()),
    close: () => clearInterval(timer),
  };
}
