import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { Cluster } from '../cluster/index.ts';
import { say, TestbedError } from '../machine/index.ts';

/** A service as `POST /services/create` takes it. */
export type ServiceSpec = Record<string, unknown> & { Name: string };

const SECOND = 1e9; // the API counts in nanoseconds

/** The port on which every host answers for the example application. */
export const APP_PORT = 8080;

/** The example application: a web page that counts its visits in a cache, which it finds by name. */
export async function exampleApp(
  cluster: Cluster,
  { replicas = 6, version = '1' } = {},
): Promise<ServiceSpec[]> {
  const networks = [{ Target: await ensureNetwork(cluster.docker(), 'app') }];
  return [
    {
      Name: 'cache',
      TaskTemplate: { ContainerSpec: { Image: cluster.image('cache:1') }, Networks: networks },
      Mode: { Replicated: { Replicas: 1 } },
    },
    {
      Name: 'web',
      TaskTemplate: {
        ContainerSpec: {
          Image: cluster.image(`web:${version}`),
          Env: ['REDIS_ADDR=cache:6379'],
          Healthcheck: {
            Test: ['CMD', '/app/health'],
            Interval: 2 * SECOND,
            // A busy machine is no reason to call the application unhealthy.
            Timeout: 10 * SECOND,
            Retries: 5,
          },
        },
        Networks: networks,
      },
      Mode: { Replicated: { Replicas: replicas } },
      EndpointSpec: { Ports: [{ Protocol: 'tcp', TargetPort: 8080, PublishedPort: APP_PORT }] },
    },
  ];
}

async function ensureNetwork(docker: Docker, name: string): Promise<string> {
  const found = (await docker.listNetworks()).find((each) => each.Name === name);
  if (found) return found.Id;
  return (await docker.createNetwork({ Name: name, Driver: 'overlay' })).id;
}

/** Creates the services, or updates those whose spec differs. */
export async function deploy(docker: Docker, specs: readonly ServiceSpec[]): Promise<void> {
  const existing = await docker.listServices();
  for (const spec of specs) {
    const service = existing.find((each) => each.Spec?.Name === spec.Name);
    if (!service) {
      await docker.createService(spec as Docker.CreateServiceOptions);
      say(`service ${spec.Name} created`);
    } else if (!says(service.Spec, spec)) {
      // dockerode would send the version in the body, too.
      await docker
        .getService(service.ID)
        .update({ _query: { version: service.Version?.Index }, _body: spec });
      say(`service ${spec.Name} updated`);
    } else {
      say(`service ${spec.Name} is up to date`);
    }
  }
}

/** True if `stored` says all that `wanted` says; the API may have filled in more. */
export function says(stored: unknown, wanted: unknown): boolean {
  if (wanted === null || typeof wanted !== 'object') return stored === wanted;
  if (stored === null || typeof stored !== 'object') return false;
  if (Array.isArray(wanted) && (!Array.isArray(stored) || stored.length !== wanted.length)) return false;
  const values = stored as Record<string, unknown>;
  return Object.entries(wanted).every(([key, value]) => says(values[key], value));
}

/** The part of a task that progress needs; dockerode leaves tasks untyped. */
export interface TaskView {
  ID: string;
  Slot?: number;
  NodeID?: string;
  ServiceID: string;
  DesiredState: string;
  Spec: {
    ContainerSpec?: { Image?: string };
    Resources?: { Reservations?: { MemoryBytes?: number } };
  };
  Status: {
    State: string;
    Timestamp?: string;
    Message?: string;
    Err?: string;
    PortStatus?: { Ports?: { PublishedPort?: number; TargetPort?: number }[] };
  };
}

export async function listTasks(docker: Docker, service?: string): Promise<TaskView[]> {
  const filters = JSON.stringify(service ? { service: [service] } : {});
  return (await docker.listTasks({ filters })) as TaskView[];
}

/** Tasks that are wanted, of this image. */
function wanted(tasks: readonly TaskView[], image: string): TaskView[] {
  return tasks.filter((task) => task.DesiredState === 'running' && task.Spec.ContainerSpec?.Image === image);
}

/** Waits until all replicas run, saying each change: `web: 4/6 running`. */
export async function converged(
  docker: Docker,
  specs: readonly ServiceSpec[],
  timeoutMs = 120_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const said = new Map<string, string>();
  for (;;) {
    let open = 0;
    for (const spec of specs) {
      const { image, replicas } = goal(spec);
      const tasks = wanted(await listTasks(docker, spec.Name), image);
      const running = tasks.filter((task) => task.Status.State === 'running').length;
      const done = running === replicas && tasks.length === replicas;
      if (!done) open++;
      const line = `${spec.Name}: ${running}/${replicas} running${done ? '' : others(tasks)}`;
      if (said.get(spec.Name) !== line) say(`  ${line}`);
      said.set(spec.Name, line);
    }
    if (open === 0) return;
    if (Date.now() > deadline) {
      throw new TestbedError(
        `The application did not converge within ${timeoutMs / 1000} s. What its tasks say:\n${await troubles(docker)}`,
      );
    }
    await sleep(250);
  }
}

function goal(spec: ServiceSpec): { image: string; replicas: number } {
  const typed = spec as {
    TaskTemplate?: { ContainerSpec?: { Image?: string } };
    Mode?: { Replicated?: { Replicas?: number } };
  };
  return {
    image: typed.TaskTemplate?.ContainerSpec?.Image ?? '',
    replicas: typed.Mode?.Replicated?.Replicas ?? 1,
  };
}

function others(tasks: readonly TaskView[]): string {
  const counts = new Map<string, number>();
  for (const { Status } of tasks) {
    if (Status.State !== 'running') counts.set(Status.State, (counts.get(Status.State) ?? 0) + 1);
  }
  return [...counts].map(([state, count]) => `, ${count} ${state}`).join('');
}

async function troubles(docker: Docker): Promise<string> {
  const tasks = await listTasks(docker);
  const lines = tasks
    .filter((task) => task.Status.State !== 'running')
    .map(({ ID, Status }) => `  ${ID} ${Status.State}: ${Status.Err || Status.Message || 'says nothing'}`);
  return lines.slice(0, 20).join('\n') || '  there are no tasks';
}
