import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../../cluster/index.ts';
import { setAvailability, updateService } from '../../drill/index.ts';
import { Load, type LoadReport, listTasks } from '../../load/index.ts';
import { say, until } from '../../machine/index.ts';
import { report } from '../measure/index.ts';
import { allRun, containersRun, NETWORK, PORT, remove } from './services.ts';

/**
 * Requests lost while 12 replicas of the example application's web server are updated, half of them scaled away, and
 * a host drained: asked as fast as they answer, on the published port of all hosts in turn, by clients that keep
 * their connections and by others that make a new one for each request, both at once.
 */
const replicas = 12;
/** Of each kind of clients. */
const concurrency = 6;
const kinds = { new: false, kept: true } as const;
const published = 8_702;
const name = 'lost';
/** Load before and after each change. */
const aroundMs = 2_000;
const second = 1e9;
/** The load ends by itself then: no change takes longer. */
const longestMs = 240_000;

export async function lost(cluster: Cluster): Promise<boolean[]> {
  const results: boolean[] = [];
  await cluster.docker().createService(spec(cluster) as never);
  try {
    await allRun(cluster, name, replicas);
    const phases: [string, () => Promise<void>][] = [
      ['a rolling update', () => roll(cluster)],
      ['a scale-down', () => scaleDown(cluster)],
      ['a drain', () => drain(cluster)],
    ];
    for (const [what, change] of phases) results.push(...(await underLoad(cluster, what, change)));
  } finally {
    await setAvailability(cluster.docker(), drained(cluster), 'active');
    await remove(cluster, name);
  }
  return results;
}

/** A server is only asked once it says that it is ready, and has time to finish what it began. */
const spec = (cluster: Cluster) => ({
  Name: name,
  // Clients that keep their connections never close them: waiting longer would only make the bench longer.
  Labels: { 'shoal.drain': '2s' },
  TaskTemplate: {
    ContainerSpec: {
      Image: cluster.image('web:1'),
      StopGracePeriod: 10 * second,
      Healthcheck: {
        Test: ['CMD', '/app/health'],
        Interval: 2 * second,
        Timeout: 5 * second,
        Retries: 5,
      },
    },
    Networks: [{ Target: NETWORK }],
  },
  Mode: { Replicated: { Replicas: replicas } },
  UpdateConfig: { Parallelism: 3, Order: 'stop-first', Monitor: second / 10 },
  EndpointSpec: {
    Ports: [{ Protocol: 'tcp', TargetPort: PORT, PublishedPort: published, PublishMode: 'ingress' }],
  },
});

async function underLoad(cluster: Cluster, what: string, change: () => Promise<void>): Promise<boolean[]> {
  let turn = 0;
  const target = () => `http://${cluster.hosts[turn++ % cluster.hosts.length]?.ip}:${published}/`;
  const loads = Object.entries(kinds).map(([kind, keepAlive]) => ({
    kind,
    load: Load.start({ target, concurrency, keepAlive, maxMs: longestMs }),
  }));
  try {
    await sleep(aroundMs);
    await change();
    await sleep(aroundMs);
  } finally {
    await Promise.all(loads.map(({ load }) => load.stop()));
  }
  const judged = loads.map(async ({ kind, load }) =>
    judge(await load.stop(), `${what}, ${kind} connections`),
  );
  return (await Promise.all(judged)).flat();
}

function judge({ ok, failed, seconds, p99Ms, maxMs, failures }: LoadReport, kind: string): boolean[] {
  say(`${kind}: ${ok + failed} requests in ${seconds} s, p99 ${p99Ms} ms, slowest ${maxMs} ms`);
  for (const { atMs, url, why } of failures) say(`  lost at ${atMs} ms: ${url} ${why}`);
  return [
    report('network', `lost in ${kind}`, failed, 'requests', { goal: 0 }),
    report('network', `sent in ${kind}`, ok + failed, 'requests'),
  ];
}

async function roll(cluster: Cluster): Promise<void> {
  await updateService(cluster.docker(), name, ({ TaskTemplate: { ContainerSpec } }) => {
    ContainerSpec.Env = [...(ContainerSpec.Env ?? []), `ROUND=${Date.now()}`];
  });
  await until(
    'the update is completed',
    async (seen) => {
      const { UpdateStatus } = (await cluster.docker().getService(name).inspect()) as {
        UpdateStatus?: { State: string; Message?: string };
      };
      seen(UpdateStatus);
      return UpdateStatus?.State === 'completed';
    },
    { timeoutMs: 180_000, everyMs: 250 },
  );
  await allRun(cluster, name, replicas);
}

async function scaleDown(cluster: Cluster): Promise<void> {
  await updateService(cluster.docker(), name, ({ Mode }) => {
    Mode.Replicated.Replicas = replicas / 2;
  });
  await containersRun(cluster, name, replicas / 2);
}

/** The last host: it runs no manager. */
const drained = (cluster: Cluster): string => cluster.hosts[2].name;

async function drain(cluster: Cluster): Promise<void> {
  const docker = cluster.docker();
  await setAvailability(docker, drained(cluster), 'drain');
  const { ID: node } = (await docker.getNode(drained(cluster)).inspect()) as { ID: string };
  await until(
    'the drained host runs none of them',
    async (seen) => {
      const tasks = await listTasks(docker, name);
      const there = tasks.filter(({ NodeID, Status }) => NodeID === node && Status.State === 'running');
      seen(`${there.length} run`);
      return there.length === 0;
    },
    { timeoutMs: 120_000 },
  );
  await allRun(cluster, name, replicas / 2);
}
