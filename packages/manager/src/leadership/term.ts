import type { Clock, Ids } from '../effects.ts';
import type { Cluster, Trust } from '../model/index.ts';
import type { Store } from '../store/index.ts';
import { sealFormer, type Vault } from '../trust/index.ts';

interface Beginning {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly vault: Vault;
  /** What a cluster without one begins with. */
  readonly newTrust: (cluster: Pick<Cluster, 'ID' | 'sealing'>) => Promise<Trust>;
  readonly managerPorts: NonNullable<Cluster['managerPorts']>;
}

/**
 * Begins to lead: what the manager says of itself, and its term, are durable when this resolves. Before that nobody may
 * hear of the term. Rejects where the vault can't open what is sealed in the state.
 */
export async function beginTerm(
  store: Pick<Store, 'view' | 'update' | 'purge'>,
  { clock, ids, vault, newTrust, managerPorts }: Beginning,
): Promise<number> {
  const [known] = store.view.clusters.all();
  const ID = known?.ID ?? ids();
  if (known?.sealing) vault.open(known.sealing);
  // State of before there was a data key, or an authority, has none.
  const sealing = known?.sealing ?? vault.begin(known?.trust === undefined);
  const newcomer = known?.trust ? undefined : await newTrust({ ID, sealing });
  const isFormer = known !== undefined && known.sealing === undefined;
  const term = await store.update((tx) => {
    if (isFormer) sealFormer(tx, sealing, vault);
    const [cluster] = tx.clusters.all();
    const term = nextTerm(cluster?.term ?? 0, clock());
    const parts = { term, managerPorts, ...(newcomer && { trust: newcomer }) };
    if (cluster) tx.clusters.update({ ...cluster, ...parts });
    else if (newcomer)
      tx.clusters.create({ ID, sealing, TaskHistoryRetentionLimit: 5, ...parts, trust: newcomer });
    return term;
  }, 'manager');
  if (isFormer) await store.purge();
  return term;
}

/**
 * Higher than `last`. At least the seconds since the epoch, so that agents also take a manager whose state was brought back
 * from a backup and knows nothing of the terms since.
 */
export const nextTerm = (last: number, now: number): number => Math.max(last + 1, Math.floor(now / 1_000));
