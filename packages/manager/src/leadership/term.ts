import type { Clock, Ids } from '../effects.ts';
import type { Cluster } from '../model/index.ts';
import type { Store } from '../store/index.ts';

interface Beginning {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Of a new cluster; made up if there is none. */
  readonly joinToken: string | undefined;
  readonly managerPorts: NonNullable<Cluster['managerPorts']>;
}

/**
 * Begins to lead: what the manager says of itself, and its term, are durable when this resolves. Before that nobody may
 * hear of the term.
 */
export const beginTerm = (
  store: Pick<Store, 'update'>,
  { clock, ids, joinToken, managerPorts }: Beginning,
): Promise<void> =>
  store.update((tx) => {
    const [cluster] = tx.clusters.all();
    const term = nextTerm(cluster?.term ?? 0, clock());
    if (cluster) {
      tx.clusters.update({ ...cluster, term, managerPorts });
      return;
    }
    const token = (given?: string) => given ?? `SHOAL-1-${ids()}-${ids()}`;
    tx.clusters.create({
      ID: ids(),
      JoinTokens: { Worker: token(joinToken), Manager: token() },
      TaskHistoryRetentionLimit: 5,
      term,
      managerPorts,
    });
  }, 'manager');

/**
 * Higher than `last`. At least the seconds since the epoch, so that agents also take a manager whose state was brought back
 * from a backup and knows nothing of the terms since.
 */
export const nextTerm = (last: number, now: number): number => Math.max(last + 1, Math.floor(now / 1_000));
