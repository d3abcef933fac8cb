import { say, until } from '../../machine/index.ts';
import { type Cluster, tasksPath } from './cluster.ts';

const requests = 100;
const creations = 20;
/** Seconds, for 99 of 100 requests. */
const goal = 0.2;

/** What people wait for while all hosts are connected: lists, and a new service. */
export async function measureApi(cluster: Cluster): Promise<void> {
  const paths = {
    'GET /services': () => '/services',
    'GET /tasks of one service': (n: number) => tasksPath(n % 2 ? 'web' : 'service1'),
    'GET /nodes': () => '/nodes',
  };
  for (const [name, path] of Object.entries(paths)) {
    const times: number[] = [];
    let bytes = 0;
    const { cpuS } = await cluster.timed(async () => {
      for (let n = 0; n < requests; n++) {
        const { ms, body } = await cluster.ask(path(n));
        times.push(ms);
        bytes = body.length;
      }
    });
    say(`${name}: ${bytes} bytes`);
    percentiles(cluster, name, times);
    cluster.report(`${name}, CPU of the manager each`, cpuS / requests, 's');
  }
  const times: number[] = [];
  for (let n = 1; n <= creations; n++) {
    const { s } = await cluster.timed(async () => {
      await cluster.create(`new${n}`, 1);
      await firstRuns(cluster, `new${n}`);
    });
    times.push(s * 1_000);
  }
  percentiles(cluster, 'create, until the first task runs', times);
  for (let n = 1; n <= creations; n++) await cluster.ask(`/services/new${n}`, { method: 'DELETE' });
  cluster.expected -= creations;
  await cluster.allRun();
}

async function firstRuns(cluster: Cluster, name: string): Promise<void> {
  await until(
    `a task of ${name} runs`,
    async () => {
      const [task] = await cluster.json<{ Status: { State: string } }[]>(tasksPath(name));
      return task?.Status.State === 'running';
    },
    { timeoutMs: 30_000, everyMs: 10 },
  );
}

function percentiles(cluster: Cluster, name: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN) / 1_000;
  cluster.report(`${name}, p50`, at(0.5), 's');
  cluster.report(`${name}, p99`, at(0.99), 's', goal);
}
