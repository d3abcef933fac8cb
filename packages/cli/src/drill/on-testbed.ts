import { Cluster, forgetClusterAddress, http, mainCluster, TestbedError } from '@shoal/testbed';
import type { Target } from '@shoal/testbed/drill';
import { managerAt } from '../manager/index.ts';

/** The cluster of `npm start`, if it is up and nothing else is named; an error if it must be there and is not. */
export async function runningTestbed(must: boolean): Promise<Target | undefined> {
  const cluster = Cluster.attach(mainCluster());
  // Faults are made by the Docker daemon that runs the testbed's hosts, not by the cluster.
  forgetClusterAddress(cluster.options.apiPort);
  // A socket is no cluster's address: it may be that daemon's.
  if (!must && process.env.DOCKER_HOST?.startsWith('tcp:')) return undefined;
  const up = await http(`${cluster.apiUrl}/_ping`).then(
    ({ status }) => status === 200,
    () => false,
  );
  const { apiPort: port } = cluster.options;
  if (up) return { ...managerAt({ address: cluster.apiUrl, host: '127.0.0.1', port }), testbed: cluster };
  if (must) throw new TestbedError(`No testbed answers at ${cluster.apiUrl}: start it with \`npm start\`.`);
  return undefined;
}
