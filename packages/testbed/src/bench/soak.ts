import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Cluster, type Host, testCluster } from '../cluster/index.ts';
import { freeze, healAll, thaw } from '../faults/index.ts';
import { listTasks } from '../load/index.ts';
import { httpJson, say, TestbedError, until } from '../machine/index.ts';
import { pinned, report } from './measure/index.ts';

/**
 * Agents stall for 8 s, one after the other, while every core of the machine is busy: their hosts live, so none of
 * them may be called down, and no task may be replaced.
 */
const pauseMs = 8_000;
const betweenMs = 2_000;
const replicas = 6;
const name = 'bench-soak';
const defaultMinutes = 10;
const mostMinutes = 600;

interface Verdict {
  readonly at: string;
  readonly state: string;
  readonly says: string;
}

export default async function soak(args: readonly string[]): Promise<boolean> {
  const minutes = minutesIn(args);
  const cluster = await Cluster.up(testCluster(), { fresh: true });
  const burners: ChildProcess[] = [];
  try {
    await cluster.docker().createService({
      Name: name,
      TaskTemplate: { ContainerSpec: { Image: await pinned(cluster, 'web:1'), StopGracePeriod: 1e9 } },
      Mode: { Replicated: { Replicas: replicas } },
    } as never);
    const before = await allRun(cluster);
    for (let core = 0; core < availableParallelism(); core++) burners.push(burn(minutes));
    const { pauses, down } = await play(cluster, minutes);
    for (const burner of burners) burner.kill('SIGKILL');
    await healAll(cluster);
    const after = new Set(await allRun(cluster));
    report('soak', 'pauses of 8 s', pauses, 'pauses');
    const results = [
      report('soak', 'false verdicts', down, 'verdicts', { goal: 0 }),
      report('soak', 'tasks replaced', before.filter((id) => !after.has(id)).length, 'tasks', { goal: 0 }),
    ];
    return results.every(Boolean);
  } finally {
    for (const burner of burners) burner.kill('SIGKILL');
    await cluster.down();
  }
}

function minutesIn(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: { type: 'string', default: String(defaultMinutes) } },
  });
  const minutes = Number(values.minutes);
  if (minutes > 0 && minutes <= mostMinutes) return minutes;
  throw new TestbedError(`--minutes takes a number up to ${mostMinutes}, not ${values.minutes}.`);
}

/** Keeps one core busy; ends by itself should nobody end it. */
const burn = (minutes: number): ChildProcess =>
  spawn(
    process.execPath,
    ['-e', `const end = Date.now() + ${(minutes + 2) * 60_000}; while (Date.now() < end);`],
    {
      stdio: 'ignore',
    },
  );

async function play(cluster: Cluster, minutes: number): Promise<{ pauses: number; down: number }> {
  const seen = new Set<string>();
  const end = performance.now() + minutes * 60_000;
  let pauses = 0;
  for (; performance.now() < end; pauses++) {
    // About once a minute.
    if (pauses % 6 === 0)
      say(
        `${Math.ceil((end - performance.now()) / 60_000)} min left: ${pauses} pauses, ${seen.size} false verdicts`,
      );
    const host = cluster.hosts[pauses % cluster.hosts.length] ?? cluster.hosts[0];
    await freeze(host, 'agent');
    await sleep(pauseMs);
    await thaw(host, 'agent');
    await sleep(betweenMs);
    for (const verdict of await downVerdicts(cluster)) {
      if (!seen.has(verdict)) say(`false verdict: ${verdict}`);
      seen.add(verdict);
    }
  }
  return { pauses, down: seen.size };
}

/** Each with its time, so that none is counted twice. */
async function downVerdicts({ apiUrl, hosts }: Cluster): Promise<string[]> {
  const all = await Promise.all(
    hosts.map(async (host: Host) => {
      const { verdicts } = await httpJson<{ verdicts: readonly Verdict[] }>(
        `${apiUrl}/shoal/v1/nodes/${host.name}/liveness`,
        { timeoutMs: 30_000 },
      );
      return verdicts
        .filter(({ state }) => state === 'down')
        .map(({ at, says }) => `${host.name} at ${at}: ${says}`);
    }),
  );
  return all.flat();
}

/** Ids of the tasks once all of them run. */
const allRun = (cluster: Cluster): Promise<string[]> =>
  until(
    `${replicas} tasks run`,
    async (seen) => {
      const wanted = (await listTasks(cluster.docker(), name)).filter(
        ({ DesiredState }) => DesiredState === 'running',
      );
      seen(wanted.map(({ Status }) => Status.State));
      const ids = wanted.filter(({ Status }) => Status.State === 'running').map(({ ID }) => ID);
      return ids.length === replicas && wanted.length === replicas && ids;
    },
    { timeoutMs: 120_000 },
  );
