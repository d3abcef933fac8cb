import type { Clock, Ids } from '../effects.ts';
import type { Cluster, Trust } from '../model/index.ts';
import type { Store } from '../store/index.ts';

interface Beginning {
  readonly clock: Clock;
  readonly ids: Ids;
  /** What a cluster without one begins with. */
  readonly newTrust: (clusterId: string) => Promise<Trust>;
  readonly managerPorts: NonNullable<Cluster['managerPorts']>;
}

/**
 * Begins to lead: what the manager says of itself, and its term, are durable when this resolves. Before that nobody may
 * hear of the term.
 */
export async function beginTerm(
  store: Pick<Store, 'view' | 'update'>,
  { clock, ids, newTrust, managerPorts }: Beginning,
): Promise<number> {
  const [known] = store.view.clusters.all();
  const ID = known?.ID ?? ids();
  // State of before there was an authority has none.
  const trust = known?.trust ?? (await newTrust(ID));
  return await store.update((tx) => {
    const [cluster] = tx.clusters.all();
    const term = nextTerm(cluster?.term ?? 0, clock());
    if (cluster) tx.clusters.update({ ...cluster, term, managerPorts, trust });
    else tx.clusters.create({ ID, trust, TaskHistoryRetentionLimit: 5, term, managerPorts });
    return term;
  }, 'manager');
}

/**
 * Higher than `last`. At least the seconds since the epoch, so that agents also take a manager whose state was brought back
 * from a backup and knows nothing of the terms since.
 */
export const nextTerm = (last: number, now: number): number => Math.max(last + 1, Math.floor(now / 1_000));
