import { Cluster, faults, type Host, run, type TaskView, testCluster, tryRun, until } from '@shoal/testbed';
import type Docker from 'dockerode';

/** The one cluster that all files of this suite share. It runs before the suite starts. */
export const cluster = Cluster.attach(testCluster());
export const docker = cluster.docker();

export const image = cluster.image('web:1');

/** A service as tests need it: the example web server, small and quick to stop. */
export function webSpec(name: string, change: WebChange = {}): Docker.CreateServiceOptions {
  const { replicas = 1, container, task, ...rest } = change;
  return {
    Name: name,
    TaskTemplate: {
      ContainerSpec: { Image: image, StopGracePeriod: 2e9, ...container },
      RestartPolicy: { Delay: 0.2e9 },
      ...task,
    },
    Mode: { Replicated: { Replicas: replicas } },
    ...rest,
  } as Docker.CreateServiceOptions;
}

interface WebChange extends Record<string, unknown> {
  replicas?: number;
  container?: Record<string, unknown>;
  task?: Record<string, unknown>;
}

export async function create(spec: Docker.CreateServiceOptions): Promise<string> {
  const { id } = (await docker.createService(spec)) as unknown as { id: string; ID?: string };
  return id;
}

export const tasksOf = async (service: string): Promise<TaskView[]> =>
  (await docker.listTasks({ filters: JSON.stringify({ service: [service] }) })) as TaskView[];

export const live = (tasks: readonly TaskView[]): TaskView[] =>
  tasks.filter(({ DesiredState }) => DesiredState === 'running' || DesiredState === 'ready');

/** Waits until exactly `count` tasks of the service shall run and do; returns them. */
export const running = (service: string, count: number, timeoutMs = 60_000): Promise<TaskView[]> =>
  until(
    `${count} tasks of ${service} run`,
    async (seen) => {
      const tasks = live(await tasksOf(service));
      seen(tasks.map(({ Status, DesiredState }) => `${DesiredState}/${Status.State} ${Status.Err ?? ''}`));
      const up = tasks.filter(({ Status }) => Status.State === 'running');
      return tasks.length === count && up.length === count ? tasks : undefined;
    },
    { timeoutMs },
  );

/** How many of the tasks each host runs, most first: `[2, 2, 1]`. */
export async function spread(tasks: readonly TaskView[]): Promise<number[]> {
  const counts = new Map<string, number>();
  for (const { NodeID } of tasks) if (NodeID) counts.set(NodeID, (counts.get(NodeID) ?? 0) + 1);
  return [...counts.values()].sort((a, b) => b - a);
}

export async function nodeNamed(
  hostname: string,
): Promise<{ ID: string; Version: { Index: number }; Spec: object }> {
  const nodes = await docker.listNodes();
  const node = nodes.find(({ Description }) => Description?.Hostname === hostname);
  if (!node) throw new Error(`no node is named ${hostname}`);
  return node as unknown as { ID: string; Version: { Index: number }; Spec: object };
}

/** A host's containers of one service, as its own daemon sees them. */
export const containersOn = (host: Host, service: string, all = false): Promise<Docker.ContainerInfo[]> =>
  host.docker().listContainers({
    all,
    filters: JSON.stringify({ label: [`com.docker.swarm.service.name=${service}`] }),
  });

/** Every container of a service on every host, by id: `id created` – the same text means the same life. */
export async function lives(service: string): Promise<string[]> {
  const perHost = await Promise.all(
    cluster.hosts.map(async (host) => {
      const found = await containersOn(host, service);
      return Promise.all(
        found.map(async ({ Id }) => {
          const { State } = await host.docker().getContainer(Id).inspect();
          return `${host.name} ${Id} ${State.StartedAt}`;
        }),
      );
    }),
  );
  return perHost.flat().sort();
}

/** Removes what a test made, and waits until no host has a container of it. */
export async function removeServices(...names: string[]): Promise<void> {
  for (const service of await docker.listServices()) {
    if (names.length === 0 || names.includes(service.Spec?.Name ?? ''))
      await docker.getService(service.ID).remove();
  }
  await until(
    'the removed services have no containers left',
    async (seen) => {
      const left = await Promise.all(
        cluster.hosts.map((host) =>
          host.docker().listContainers({ all: true, filters: JSON.stringify({ label: ['shoal.task.id'] }) }),
        ),
      );
      const mine = left
        .flat()
        .filter(
          ({ Labels }) => names.length === 0 || names.includes(Labels['com.docker.swarm.service.name'] ?? ''),
        );
      seen(mine.map(({ Names, State }) => `${Names[0]} ${State}`));
      return mine.length === 0;
    },
    { timeoutMs: 60_000 },
  );
}

/** The docker clients of this machine, newest first on most: all of them must work. */
export async function clients(): Promise<{ path: string; version: string }[]> {
  const paths = (await run('sh', ['-c', 'which -a docker | xargs -n1 readlink -f | sort -u']))
    .trim()
    .split('\n');
  return Promise.all(
    paths.map(async (path) => ({
      path,
      version: /\d+\.\d+\.\d+/.exec(await run(path, ['--version']))?.[0] ?? '',
    })),
  );
}

/** Runs a docker client against the cluster; returns what it printed and its exit code. */
export async function cli(
  path: string,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const result = await tryRun(path, args, {
    timeoutMs: 90_000,
    env: { DOCKER_HOST: `tcp://127.0.0.1:${cluster.options.apiPort}` },
  });
  return { code: result.code, out: result.stdout, err: result.stderr };
}

/**
 * Its agent starts again as one that was never here, with that join token: a node that was removed comes back only so. What
 * the former one left running its agent removes.
 */
export async function startAnew(host: Host, token: string): Promise<void> {
  const write = 'umask 077; printf %s "$1" > /var/lib/shoal/join-token; rm -rf /var/lib/shoal/agent/*';
  await host.exec(['sh', '-ec', write, 'sh', token]);
  await faults.killProcess(host, 'agent');
}
