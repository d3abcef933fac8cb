import type { Cluster, Host } from '../../cluster/index.ts';

/** The same work without Shoal: containers started over the daemons' own API. */
const labels = { 'shoal.bench': 'raw' };

/** With its digest, as the `docker` command names images in services: a host that has the image need not ask the registry. */
export async function pinned(cluster: Cluster, name: string): Promise<string> {
  const image = cluster.image(name);
  const { Descriptor } = await cluster.docker().getImage(image).distribution();
  return `${image}@${Descriptor.digest}`;
}

/** A bridge network made by a user: containers on it cost Docker more than those on its default one. */
export const rawNetwork = 'shoal-bench-raw';

export async function makeRawNetwork(hosts: readonly Host[]): Promise<void> {
  await Promise.all(hosts.map((host) => host.docker().createNetwork({ Name: rawNetwork, Driver: 'bridge' })));
}

/** Starts containers as a service would make them, evenly, two at a time per daemon; returns the seconds it took. */
export async function startRaw(
  hosts: readonly Host[],
  image: string,
  count: number,
  network = 'bridge',
): Promise<number> {
  const from = performance.now();
  await Promise.all(
    hosts.map(async (host) => {
      let left = count / hosts.length;
      const worker = async () => {
        while (left > 0) {
          left--;
          const container = await host.docker().createContainer({
            Image: image,
            Labels: labels,
            HostConfig: { NetworkMode: network },
          });
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
