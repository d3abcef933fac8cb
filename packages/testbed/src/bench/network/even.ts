import type { Cluster } from '../../cluster/index.ts';
import { say } from '../../machine/index.ts';
import { evenness, report } from '../measure/index.ts';
import { inside, PORT, remove, start, startOne, vipOf } from './services.ts';

const connections = 10_000;
const replicas = 6;

/** Which replica answers each of 10,000 connections to a service's address; a fair choice fails this goal once in 1,000 runs. */
export async function even(cluster: Cluster): Promise<boolean[]> {
  const client = await startOne(cluster, { name: 'client', host: cluster.hosts[0].name });
  await start(cluster, { name: 'server', replicas });
  try {
    const vip = await vipOf(cluster, 'server');
    const output = await inside(
      client,
      ['node', '/opt/bench/client.mjs', 'answers', vip, String(PORT), String(connections)],
      180_000,
    );
    const answers = JSON.parse(output) as Record<string, number>;
    say(`evenness: ${JSON.stringify(answers)}`);
    const counts = Object.values(answers);
    // All errors count as one more server, so that they make the figure bad.
    const shares = [...counts, ...Array.from({ length: Math.max(replicas - counts.length, 0) }, () => 0)];
    return [
      report('network', `evenness over ${connections} connections, chi-square p`, evenness(shares), 'p', {
        goal: 0.001,
        better: 'higher',
      }),
    ];
  } finally {
    await remove(cluster, 'client', 'server');
  }
}
