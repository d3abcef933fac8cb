import type { Cluster } from '../cluster.ts';
import { buildBenchImage, pushImages } from '../image.ts';
import { step } from '../say.ts';

/** Builds the bench image and gives it to all hosts. */
export async function provideBenchImage(cluster: Cluster): Promise<void> {
  const image = await step('building the bench image', buildBenchImage);
  await pushImages([image], cluster.options.registryPort);
  await Promise.all(
    cluster.hosts.map((host) => host.exec(['docker', 'pull', '-q', cluster.image('bench:1')])),
  );
}
