import type Docker from 'dockerode';
import type { Cluster, Host } from '../../cluster/index.ts';
import { listTasks, type TaskView } from '../../load/index.ts';
import { until } from '../../machine/index.ts';

/** The overlay network of all services here. */
export const NETWORK = 'bench';
/** Where the bench image's web server listens. */
export const PORT = 8080;

export interface Wanted {
  name: string;
  replicas?: number;
  /** Host name, if all tasks belong on one. */
  host?: string;
  /** Port that every host answers on. */
  published?: number;
  /** Instead of the bench image with its web server. */
  container?: Record<string, unknown>;
}

export interface RunningTask {
  host: Host;
  container: string;
  /** On the network `NETWORK`. */
  address: string;
}

/** Fields of a task that only this bench reads. */
export type NetworkedTask = TaskView & {
  Status: { Timestamp: string; ContainerStatus?: { ContainerID?: string } };
  NetworksAttachments?: { Network: { Spec: { Name: string } }; Addresses: string[] }[];
};

export function serviceSpec(cluster: Cluster, wanted: Wanted): Docker.CreateServiceOptions {
  const { name, replicas = 1, host, published, container } = wanted;
  return {
    Name: name,
    TaskTemplate: {
      ContainerSpec: { Image: cluster.image('bench:1'), StopGracePeriod: 10e9, ...container },
      Placement: { Constraints: host === undefined ? [] : [`node.hostname==${host}`] },
      Networks: [{ Target: NETWORK }],
    },
    Mode: { Replicated: { Replicas: replicas } },
    EndpointSpec: {
      Mode: 'vip',
      Ports:
        published === undefined
          ? []
          : [{ Protocol: 'tcp', TargetPort: PORT, PublishedPort: published, PublishMode: 'ingress' }],
    },
  } as Docker.CreateServiceOptions;
}

/** Creates the service and gives its tasks once they run. */
export async function start(cluster: Cluster, wanted: Wanted): Promise<RunningTask[]> {
  await cluster.docker().createService(serviceSpec(cluster, wanted));
  const tasks = await allRun(cluster, wanted.name, wanted.replicas ?? 1);
  const nodes = await cluster.docker().listNodes();
  return tasks.map(({ NodeID, Status, NetworksAttachments = [] }) => ({
    host: cluster.host(nodes.find(({ ID }) => ID === NodeID)?.Description?.Hostname ?? ''),
    container: Status.ContainerStatus?.ContainerID ?? '',
    address: plain(NetworksAttachments.find(({ Network }) => Network.Spec.Name === NETWORK)?.Addresses[0]),
  }));
}

export async function startOne(cluster: Cluster, wanted: Wanted): Promise<RunningTask> {
  const [task] = await start(cluster, wanted);
  if (!task) throw new Error(`${wanted.name} has no task`);
  return task;
}

/** Resolves when exactly so many tasks are wanted and all of them run. */
export function allRun(cluster: Cluster, name: string, count: number): Promise<NetworkedTask[]> {
  return until(
    `${count} tasks of ${name} run`,
    async (seen) => {
      const tasks = (await listTasks(cluster.docker(), name)) as NetworkedTask[];
      const wanted = tasks.filter(({ DesiredState }) => DesiredState === 'running');
      const states = wanted.map(({ Status }) => Status.State);
      seen(states);
      return wanted.length === count && states.every((state) => state === 'running') ? wanted : undefined;
    },
    { timeoutMs: 180_000 },
  );
}

/** The service's own address on the network `NETWORK`. */
export async function vipOf(cluster: Cluster, name: string): Promise<string> {
  const network = (await cluster.docker().getNetwork(NETWORK).inspect()) as { Id: string };
  const { Endpoint } = (await cluster.docker().getService(name).inspect()) as {
    Endpoint: { VirtualIPs: { NetworkID: string; Addr: string }[] };
  };
  return plain(Endpoint.VirtualIPs.find(({ NetworkID }) => NetworkID === network.Id)?.Addr);
}

/** Removes the services and waits until their containers are gone. */
export async function remove(cluster: Cluster, ...names: string[]): Promise<void> {
  await Promise.all(names.map((name) => cluster.docker().getService(name).remove()));
  await Promise.all(names.map((name) => containersRun(cluster, name, 0)));
}

/** Resolves when at most so many containers of the service run on the hosts; ended ones may be kept for a while. */
export function containersRun(cluster: Cluster, name: string, count: number): Promise<true> {
  const filters = JSON.stringify({ label: [`com.docker.swarm.service.name=${name}`] });
  return until(
    `no more than ${count} containers of ${name} run`,
    async (seen) => {
      const found = await Promise.all(cluster.hosts.map((host) => host.docker().listContainers({ filters })));
      seen(`${found.flat().length} run`);
      return found.flat().length <= count;
    },
    { timeoutMs: 120_000, everyMs: 250 },
  );
}

/** Runs a command in the task's container. */
export function inside(task: RunningTask, command: readonly string[], timeoutMs?: number): Promise<string> {
  return task.host.exec(
    ['docker', 'exec', task.container, ...command],
    timeoutMs === undefined ? {} : { timeoutMs },
  );
}

const plain = (address: string | undefined): string => address?.split('/')[0] ?? '';
