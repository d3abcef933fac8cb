import type Docker from 'dockerode';
import type { Host } from '../cluster/index.ts';
import { listTasks } from '../load/index.ts';
import { http, TestbedError, until } from '../machine/index.ts';

/** How many tasks a rolling update replaces at a time. */
export const UPDATE_PARALLELISM = 2;

/** The service that every drill deploys, strikes at and removes. */
export const SERVICE = 'shoal-drill';
const TARGET_PORT = 8080;
const second = 1e9; // the API counts in nanoseconds

export interface Wanted {
  readonly image: string;
  readonly replicas: number;
  /** Replicas have a health check, so that they count as running only once they listen. */
  readonly healthCheck: boolean;
}

export function serviceSpec({ image, replicas, healthCheck }: Wanted): Docker.CreateServiceOptions {
  return {
    Name: SERVICE,
    Labels: { 'shoal.drain': '1s' },
    TaskTemplate: {
      ContainerSpec: {
        Image: image,
        StopGracePeriod: 2 * second,
        ...(healthCheck
          ? {
              Healthcheck: {
                Test: ['CMD', '/app/health'],
                Interval: 2 * second,
                // A busy machine is no reason to call the application unhealthy.
                Timeout: 10 * second,
                Retries: 5,
              },
            }
          : {}),
      },
    },
    Mode: { Replicated: { Replicas: replicas } },
    UpdateConfig: {
      Parallelism: UPDATE_PARALLELISM,
      Order: 'start-first',
      FailureAction: 'rollback',
      Monitor: second / 10,
    },
    // The manager chooses a free port.
    EndpointSpec: { Ports: [{ Protocol: 'tcp', TargetPort: TARGET_PORT, PublishMode: 'ingress' }] },
  } as Docker.CreateServiceOptions;
}

/** With its digest, as the `docker` command names images in services: a host that has the image need not ask the registry. */
async function pinned(docker: Docker, image: string): Promise<string> {
  if (image.includes('@')) return image;
  const { Descriptor } = await docker.getImage(image).distribution();
  return `${image}@${Descriptor.digest}`;
}

/** Creates the service, says so, and gives the port on which every host answers. */
export async function create(docker: Docker, wanted: Wanted, created: () => void): Promise<number> {
  const image = await pinned(docker, wanted.image);
  try {
    await docker.createService(serviceSpec({ ...wanted, image }));
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode !== 409) throw error;
    throw new TestbedError(
      `There is a service ${SERVICE} already: another drill is on its way, or one was killed. In that case remove it with \`docker service rm ${SERVICE}\`.`,
    );
  }
  created();
  const { Endpoint } = (await docker.getService(SERVICE).inspect()) as {
    Endpoint?: { Ports?: { PublishedPort?: number }[] };
  };
  const port = Endpoint?.Ports?.[0]?.PublishedPort;
  if (!port) throw new TestbedError(`The manager published no port for ${SERVICE}.`);
  return port;
}

/** Resolves when every replica has answered through each of these addresses: hosts learn of a replica at different moments. */
export async function allAnswer(
  addresses: readonly string[],
  port: number,
  replicas: number,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    addresses.map(async (address) => {
      const names = new Set<string>();
      await until(
        `all replicas answer on port ${port} of ${address}`,
        async (seen) => {
          if (signal.aborted) return true;
          seen(`${names.size} answered`);
          const asked = Array.from({ length: replicas }, () => http(`http://${address}:${port}/`));
          for (const { body } of await Promise.all(asked)) names.add(nameIn(body) ?? '');
          return names.size >= replicas;
        },
        { timeoutMs: 60_000 },
      );
    }),
  );
  signal.throwIfAborted();
}

/** Which replica gave this answer, as the example web server says it. */
export function nameIn(body: string): string | undefined {
  try {
    const { name } = JSON.parse(body) as { name?: unknown };
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Removes the service and waits until the manager has no task of it, and no host a container. */
export async function remove(docker: Docker, hosts: readonly Host[]): Promise<void> {
  let id: string | undefined;
  await until(
    `${SERVICE}, its tasks and their containers are gone`,
    async (seen) => {
      id = (await removed(docker)) ?? id;
      const tasks = (await listTasks(docker)).filter(({ ServiceID }) => ServiceID === id);
      const containers = await containersOn(hosts, true);
      seen(`${tasks.length} tasks and ${containers.length} containers are left`);
      return tasks.length + containers.length === 0;
    },
    // A manager that was killed just now needs a while.
    { timeoutMs: 90_000, everyMs: 250 },
  );
}

/** The id of the service that was there until now. */
async function removed(docker: Docker): Promise<string | undefined> {
  try {
    const { ID } = (await docker.getService(SERVICE).inspect()) as { ID: string };
    await docker.getService(ID).remove();
    return ID;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}

/** The service's containers as the hosts' own daemons tell: those that run, or `all` of them. */
export async function containersOn(
  hosts: readonly Host[],
  all = false,
): Promise<{ host: string; task: string }[]> {
  const filters = JSON.stringify({ label: [`com.docker.swarm.service.name=${SERVICE}`] });
  const found = await Promise.all(
    hosts.map(async (host) =>
      (await host.docker().listContainers({ all, filters })).map(({ Labels }) => ({
        host: host.name,
        task: Labels['com.docker.swarm.task.id'] ?? '',
      })),
    ),
  );
  return found.flat();
}
