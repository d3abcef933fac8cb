import type { Cluster } from '../../cluster/index.ts';
import { buildBenchImage, pushImages } from '../../images/index.ts';
import { step } from '../../machine/index.ts';

/** Builds the bench image and gives it to all hosts. */
export async function provideBenchImage(cluster: Cluster): Promise<void> {
  const image = await step('building the bench image', buildBenchImage);
  await pushImages([image], cluster.options.registryPort);
  await Promise.all(
    cluster.hosts.map((host) => host.exec(['docker', 'pull', '-q', cluster.image('bench:1')])),
  );
}
