import Docker from 'dockerode';
import { localLabel, networkLabel } from './bridge-networks.ts';
import { statusCodeOf } from './errors.ts';
import { clusterLabel } from './labels.ts';

/** A daemon with hundreds of containers is not asked for more at a time. */
const atATime = 8;
const removalMs = 90_000;

export interface RemovedFromDocker {
  readonly containers: number;
  readonly networks: number;
}

/** Removes what a cluster has made in this daemon: containers with their anonymous volumes, and networks. Rejects if something stays. */
export async function removeFromDocker(socketPath: string): Promise<RemovedFromDocker> {
  const docker = new Docker({ socketPath });
  const within = () => ({ abortSignal: AbortSignal.timeout(removalMs) });
  const containers = await docker.listContainers({
    all: true,
    filters: { label: [clusterLabel] },
    ...within(),
  });
  await inTurns(containers, ({ Id }) =>
    gone(docker.getContainer(Id).remove({ force: true, v: true, ...within() })),
  );
  // Docker takes several labels as "all of them".
  const lists = await Promise.all(
    [networkLabel, localLabel].map((label) =>
      docker.listNetworks({ filters: { label: [label] }, ...within() }),
    ),
  );
  const networks = lists.flat();
  await inTurns(networks, ({ Id }) => gone(docker.getNetwork(Id).remove(within())));
  return { containers: containers.length, networks: networks.length };
}

async function inTurns<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += atATime) await Promise.all(all.slice(at, at + atATime).map(work));
}

async function gone(removal: Promise<unknown>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (statusCodeOf(error) !== 404) throw error;
  }
}
