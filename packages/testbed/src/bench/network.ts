import { Cluster, testCluster } from '../cluster/index.ts';
import { TestbedError } from '../machine/index.ts';
import { provideBenchImage } from './measure/index.ts';
import { answering, bySize, even, lost, NETWORK, requests, throughput } from './network/index.ts';

/** The cluster's networks; the parts are chosen by name, all of them by default. */
const parts: Readonly<Record<string, (cluster: Cluster) => Promise<boolean[]>>> = {
  throughput,
  requests,
  sizes: bySize,
  answering,
  evenness: even,
  lost,
};

export default async function network(names: readonly string[]): Promise<boolean> {
  const chosen = names.length > 0 ? names : Object.keys(parts);
  const runs = chosen.map((name) => {
    const run = parts[name];
    if (!run)
      throw new TestbedError(
        `The bench network has no part ${name}; there are: ${Object.keys(parts).join(', ')}.`,
      );
    return run;
  });
  const cluster = await Cluster.up(testCluster(), { fresh: true });
  try {
    await provideBenchImage(cluster);
    await Promise.all(
      cluster.hosts.map((host) => host.exec(['docker', 'pull', '-q', cluster.image('web:1')])),
    );
    await cluster.docker().createNetwork({ Name: NETWORK, Driver: 'overlay' });
    const results: boolean[] = [];
    for (const run of runs) results.push(...(await run(cluster)));
    return results.every(Boolean);
  } finally {
    await cluster.down();
  }
}
