import { until } from '../../machine/index.ts';
import type { Cluster } from './cluster.ts';
import { cpuSecondsOf, memoryOf } from './process-use.ts';
import { verdictsIn } from './verdicts.ts';

/** The manager is killed and started again: all hosts come back to it at once. */
export async function restartManager(cluster: Cluster): Promise<void> {
  const { manager, hosts } = cluster;
  const living = hosts.reduce((sum, { connected }) => sum + connected, 0);
  const before = verdictsIn(manager.logFile).size;
  await manager.kill();
  await until('the agents have noticed', () => hosts.every(({ connected }) => connected === 0), {
    timeoutMs: 60_000,
  });
  const from = performance.now();
  manager.start();
  await cluster.reach(living, 'agents are connected again', ({ connected }) => connected);
  const seconds = (performance.now() - from) / 1_000;
  cluster.report(`manager started again: ${living} agents connected`, seconds, 's');
  cluster.report('manager started again: its CPU until then', cpuSecondsOf(manager.pid), 's');
  cluster.report('manager started again: its memory', memoryOf(manager.pid).now / 2 ** 20, 'MiB', 1_536);
  const wrong = verdictsIn(manager.logFile).size - before;
  cluster.report('manager started again: false verdicts', wrong, 'hosts', 0);
}
