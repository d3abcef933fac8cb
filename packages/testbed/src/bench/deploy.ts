import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, type Host, type HostProcess, testCluster } from '../cluster/index.ts';
import { listTasks } from '../load/index.ts';
import { say, until } from '../machine/index.ts';
import { pinned, removeRaw, report, startRaw } from './measure/index.ts';

/**
 * How long Shoal takes for 12 replicas and then for 30, against the same containers started raw over the
 * daemons' own API, two at a time per daemon, in turns on the same hosts; and what manager and agent cost.
 */
const first = 12;
const total = 30;
const rounds = 3;
const idleSeconds = 20;
const name = 'bench-deploy';

export default async function deploy(): Promise<boolean> {
  const cluster = await Cluster.up(testCluster(), { fresh: true });
  try {
    return await measure(cluster);
  } finally {
    await cluster.down();
  }
}

interface Timing {
  create: number;
  scale: number;
}

async function measure(cluster: Cluster): Promise<boolean> {
  const image = await pinned(cluster, 'web:1');
  await Promise.all(cluster.hosts.map((host) => host.exec(['docker', 'pull', '-q', image])));
  const results: boolean[] = [];
  const idle = await costs(cluster);
  const raw: Timing[] = [];
  const shoal: Timing[] = [];
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}: raw`);
    raw.push(await startAllRaw(cluster.hosts, image));
    say(`round ${round} of ${rounds}: Shoal`);
    shoal.push(
      await startByShoal(cluster, image, round === rounds ? (loaded) => results.push(...loaded) : undefined),
    );
  }
  for (const [phase, label] of [
    ['create', `create ${first}`],
    ['scale', `scale ${first} to ${total}`],
  ] as const) {
    const value = median(shoal.map((timing) => timing[phase]));
    const reference = median(raw.map((timing) => timing[phase]));
    results.push(report('deploy', label, value, 's', { reference, goal: 1.15, goalOf: 'ratio' }));
  }
  return [...idle, ...results].every(Boolean);
}

async function startAllRaw(hosts: readonly Host[], image: string): Promise<Timing> {
  try {
    return {
      create: await startRaw(hosts, image, first),
      scale: await startRaw(hosts, image, total - first),
    };
  } finally {
    await removeRaw(hosts);
  }
}

async function startByShoal(
  cluster: Cluster,
  image: string,
  whenLoaded: ((results: boolean[]) => void) | undefined,
): Promise<Timing> {
  const docker = cluster.docker();
  const spec = (replicas: number) => ({
    Name: name,
    TaskTemplate: { ContainerSpec: { Image: image, StopGracePeriod: 1e9 } },
    Mode: { Replicated: { Replicas: replicas } },
  });
  const allRunning = (count: number) =>
    until(
      `${count} replicas run`,
      async (seen) => {
        const up = (await listTasks(docker, name)).filter(({ Status }) => Status.State === 'running').length;
        seen(`${up} run`);
        return up === count;
      },
      { timeoutMs: 120_000, everyMs: 20 },
    );

  const from = performance.now();
  await docker.createService(spec(first));
  await allRunning(first);
  const create = seconds(from);

  const service = docker.getService(name);
  const { Version } = (await service.inspect()) as { Version: { Index: number } };
  const scaling = performance.now();
  await service.update({ ...spec(total), version: Version.Index });
  await allRunning(total);
  const scale = seconds(scaling);

  if (whenLoaded) whenLoaded(await costs(cluster, `, ${total} tasks`));
  await service.remove();
  await until(
    'no containers are left',
    async () => {
      const left = await Promise.all(cluster.hosts.map((host) => host.containers(true)));
      return left.flat().length === 0;
    },
    { timeoutMs: 120_000 },
  );
  return { create, scale };
}

/** Memory of manager and agent, and the CPU they use while nothing happens. */
async function costs(cluster: Cluster, when = ', no tasks'): Promise<boolean[]> {
  say(`letting the cluster idle for ${idleSeconds} s${when}`);
  const [h1] = cluster.hosts;
  const parts: readonly { process: HostProcess; maxMB: number }[] = [
    { process: 'manager', maxMB: 130 },
    { process: 'agent', maxMB: 85 },
  ];
  const before = await Promise.all(parts.map(({ process }) => h1.usage(process)));
  await sleep(idleSeconds * 1000);
  const after = await Promise.all(parts.map(({ process }) => h1.usage(process)));
  return parts.flatMap(({ process, maxMB }, index) => {
    const [from, to] = [before[index], after[index]];
    if (!from || !to) return [];
    const percent = ((to.cpuSeconds - from.cpuSeconds) / idleSeconds) * 100;
    return [
      report('deploy', `${process} memory${when}`, to.rssBytes / 1e6, 'MB', { goal: maxMB }),
      report('deploy', `${process} idle CPU${when}`, percent, '% of a core', { goal: 1 }),
    ];
  });
}

const seconds = (from: number): number => (performance.now() - from) / 1000;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
