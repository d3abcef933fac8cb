import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import { Loop } from '../loop.ts';
import type { Store } from '../store/index.ts';
import { notRotated, withoutFormer } from './rotation.ts';

/** Lets the former root go when no node needs it any more. */
export function rotationLoop(store: Store, { clock, log }: { readonly clock: Clock; readonly log: Logger }) {
  const isUnderWay = () => [...store.view.clusters.all()].some(({ trust }) => trust.former);
  const loop = new Loop({
    clock,
    log,
    act: async () => {
      const done = await store.update((tx) => {
        const [cluster] = tx.clusters.all();
        if (!cluster?.trust.former || notRotated(cluster.trust, tx.nodes.all()).length > 0) return false;
        tx.clusters.update({ ...cluster, trust: withoutFormer(cluster.trust) });
        return true;
      }, 'trust');
      if (done) log.info('all nodes have certificates of the new root, the former one counts no more');
      return undefined;
    },
  });
  const unwatch = store.watch(({ changes }) => {
    if (isUnderWay() && changes.some(({ table }) => table === 'nodes' || table === 'clusters')) loop.mark('');
  });
  if (isUnderWay()) loop.mark('');
  return {
    close: () => {
      unwatch();
      return loop.close();
    },
  };
}
