import { setTimeout as sleep } from 'node:timers/promises';
import { listTasks } from '../../app.ts';
import type { Cluster } from '../../cluster.ts';
import * as faults from '../../faults.ts';
import type { Host } from '../../host.ts';
import { Load, type LoadReport } from '../../load.ts';
import { until } from '../../probe.ts';
import { say, TestbedError } from '../../say.ts';
import { allRun } from '../network/services.ts';
import { removeRaw, startRaw } from '../raw.ts';
import { NodeWatch } from './node-watch.ts';
import { type Kind, type Outcome, recoveredAt, WINDOW_MS } from './outcome.ts';
import { strike } from './strike.ts';

export const SERVICE = 'failover';
export const PORT = 8_703;
export const REPLICAS = 12;

/** Load before the fault. */
const beforeMs = 1_000;
/** A request that takes longer has failed. */
const answerMs = 1_000;
/** What does not come in time counts as if it had come then: a bad round shows, and the others are not lost. */
const limitMs = { detected: 30_000, running: 60_000 };
/** The load ends by itself then: no round takes longer. */
const longestMs = 180_000;

/**
 * One fault, on a service that runs evenly on all hosts: under load on the other hosts, until it is replaced, and as
 * many containers raw. The fault is mended and the service runs again when this resolves.
 */
export async function playRound(cluster: Cluster, kind: Kind, victim: Host, image: string): Promise<Outcome> {
  const others = cluster.hosts.filter((host) => host !== victim);
  await allListen(others);
  const watch = new NodeWatch(cluster.apiUrl);
  try {
    const outcome = await underFault(cluster, { kind, victim, others, image, watch });
    await cluster.waitReady();
    await allRun(cluster, SERVICE, REPLICAS);
    return {
      ...outcome,
      falselyDown: others.map(({ name }) => name).filter((name) => watch.downAt.has(name)),
    };
  } finally {
    await watch.stop();
  }
}

interface Fault {
  kind: Kind;
  victim: Host;
  others: readonly Host[];
  image: string;
  watch: NodeWatch;
}

async function underFault(
  cluster: Cluster,
  { kind, victim, others, image, watch }: Fault,
): Promise<Omit<Outcome, 'falselyDown'>> {
  const loadFrom = Date.now();
  let turn = 0;
  const load = Load.start({
    target: () => `http://${others[turn++ % others.length]?.ip}:${PORT}/`,
    // A third of the requests hangs until the fault is noticed: the others need workers, too.
    concurrency: 40,
    ratePerSecond: 60,
    timeoutMs: answerMs,
    maxMs: longestMs,
  });
  try {
    await sleep(beforeMs);
    const [hitAt, downAt, runAt] = await Promise.all([
      strike(kind, victim),
      orLimit(limitMs.detected, (timeoutMs) =>
        until(`${victim.name} is down`, () => watch.downAt.get(victim.name), { timeoutMs, everyMs: 5 }),
      ),
      orLimit(limitMs.running, (timeoutMs) => allOn(cluster, others, timeoutMs)),
    ]);
    // So that a window without an error fits in before the next disturbance.
    await sleep(WINDOW_MS);
    const raw = await startRaw(others, image, REPLICAS / cluster.hosts.length);
    const answers = await load.stop();
    const endMs = answers.seconds * 1_000;
    const trafficMs = (recoveredAt(answers.slots, hitAt - loadFrom) ?? endMs) - (hitAt - loadFrom);
    sayFailures(answers, hitAt - loadFrom);
    return {
      kind,
      detected: (downAt - hitAt) / 1_000,
      traffic: trafficMs / 1_000,
      running: (runAt - hitAt) / 1_000,
      raw,
    };
  } finally {
    await load.stop();
    await removeRaw(others);
    await faults.healAll(cluster);
  }
}

/** Replicas run before they listen, and before every host knows them: each has to answer through each host. */
async function allListen(hosts: readonly Host[]): Promise<void> {
  await Promise.all(
    hosts.map(async (host) => {
      const names = new Set<string>();
      await until(
        `all replicas answer on port ${PORT} of ${host.name}`,
        async (seen) => {
          seen(`${names.size} answered`);
          const answers = await Promise.all(Array.from({ length: REPLICAS }, () => host.get(PORT)));
          for (const { body } of answers) names.add((JSON.parse(body) as { name: string }).name);
          return names.size === REPLICAS;
        },
        { timeoutMs: 60_000 },
      );
    }),
  );
}

/** All replicas shall run on these hosts, and do; resolves with the time. */
async function allOn(cluster: Cluster, hosts: readonly Host[], timeoutMs: number): Promise<number> {
  const names = hosts.map(({ name }) => name);
  const nodes = await cluster.docker().listNodes();
  const ids = nodes
    .filter(({ Description }) => names.includes(Description?.Hostname ?? ''))
    .map(({ ID }) => ID);
  return until(
    `${REPLICAS} replicas run on ${names.join(' and ')}`,
    async (seen) => {
      const tasks = (await listTasks(cluster.docker(), SERVICE)).filter(
        ({ DesiredState, Status, NodeID }) =>
          DesiredState === 'running' && Status.State === 'running' && ids.includes(NodeID),
      );
      seen(`${tasks.length} run`);
      return tasks.length === REPLICAS && Date.now();
    },
    { timeoutMs, everyMs: 50 },
  );
}

async function orLimit(timeoutMs: number, wait: (timeoutMs: number) => Promise<number>): Promise<number> {
  try {
    return await wait(timeoutMs);
  } catch (error) {
    if (!(error instanceof TestbedError)) throw error;
    say(`  ${error.message}`);
    return Date.now();
  }
}

/** How many requests failed and why, of the first ones with the time. */
function sayFailures({ ok, failed, failures }: LoadReport, hitMs: number): void {
  say(`  ${failed} of ${ok + failed} requests failed`);
  for (const [why, those] of Map.groupBy(failures, (failure) => failure.why)) {
    const at = (index: number) => (((those.at(index)?.atMs ?? 0) - hitMs) / 1_000).toFixed(2);
    say(`    ${those.length} sent from ${at(0)} s to ${at(-1)} s: ${why}`);
  }
}
