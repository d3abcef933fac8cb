import type { Cluster } from '../cluster.ts';
import type { Host } from '../host.ts';

/** The same work without Shoal: containers started over the daemons' own API. */
const labels = { 'shoal.bench': 'raw' };

/** By digest, as the `docker` command names images in services: a host that has it does not ask the registry. */
export async function pinned(cluster: Cluster, name: string): Promise<string> {
  const image = cluster.image(name);
  const { Descriptor } = await cluster.docker().getImage(image).distribution();
  return `${image}@${Descriptor.digest}`;
}

/** Starts containers as a service would make them, evenly, two at a time per daemon; returns the seconds it took. */
export async function startRaw(hosts: readonly Host[], image: string, count: number): Promise<number> {
  const from = performance.now();
  await Promise.all(
    hosts.map(async (host) => {
      let left = count / hosts.length;
      const worker = async () => {
        while (left > 0) {
          left--;
          const container = await host.docker().createContainer({ Image: image, Labels: labels });
          await container.start();
        }
      };
      await Promise.all([worker(), worker()]);
    }),
  );
  return (performance.now() - from) / 1000;
}

/** Removes what `startRaw` made on these hosts. */
export async function removeRaw(hosts: readonly Host[]): Promise<void> {
  const filters = JSON.stringify({ label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) });
  await Promise.all(
    hosts.map(async (host) => {
      const found = await host.docker().listContainers({ all: true, filters });
      for (const { Id } of found) await host.docker().getContainer(Id).remove({ force: true });
    }),
  );
}
