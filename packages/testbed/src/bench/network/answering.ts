import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Host } from '../../cluster/index.ts';
import { updateService } from '../../drill/index.ts';
import { http, say } from '../../machine/index.ts';
import { median, quantile, report } from '../measure/index.ts';
import { allRun, containersRun, remove, serviceSpec } from './services.ts';

/** From the moment a task is seen running, by its own timestamp, until every host answers on the published port. */
const rounds = 15;
const published = 8_701;
const everyMs = 5;
const longestMs = 60_000;
const name = 'answering';

export async function answering(cluster: Cluster): Promise<boolean[]> {
  await cluster.docker().createService(serviceSpec(cluster, { name, replicas: 0, published }));
  try {
    const delays: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      const [delay, hosts] = await once(cluster);
      say(`answering: round ${round} of ${rounds}, ${delay} ms (${hosts.join(', ')})`);
      // The first one pulls the image.
      if (round > 1) delays.push(delay);
      await scale(cluster, 0);
      await containersRun(cluster, name, 0);
    }
    const label = 'task running to all hosts answering';
    return [
      report('network', `${label}, p50`, median(delays), 'ms', { goal: 200 }),
      report('network', `${label}, p95`, quantile(delays, 0.95), 'ms', { goal: 200 }),
    ];
  } finally {
    await remove(cluster, name);
  }
}

async function once(cluster: Cluster): Promise<[number, number[]]> {
  // Requests go on while the task starts; hosts and this process share a clock.
  const answered = Promise.all(cluster.hosts.map(firstAnswer));
  await scale(cluster, 1);
  const [task] = await allRun(cluster, name, 1);
  const since = Date.parse(task?.Status.Timestamp ?? '');
  const delays = (await answered).map((at) => at - since);
  return [Math.max(...delays), delays];
}

async function firstAnswer(host: Host): Promise<number> {
  const deadline = Date.now() + longestMs;
  while (Date.now() < deadline) {
    try {
      const { status } = await http(`http://${host.ip}:${published}/`, { timeoutMs: 1_000 });
      if (status === 200) return Date.now();
    } catch {
      await sleep(everyMs);
    }
  }
  throw new Error(`${host.name} did not answer on port ${published} within ${longestMs / 1_000} s`);
}

const scale = (cluster: Cluster, replicas: number): Promise<void> =>
  updateService(cluster.docker(), name, ({ Mode }) => {
    Mode.Replicated.Replicas = replicas;
  });
