import { dirname, join } from 'node:path';
import { say, until } from '../../machine/index.ts';
import type { Cluster } from './cluster.ts';
import { verdictsIn } from './verdicts.ts';

/** Hosts lose their power, all at once. */
export async function loseHosts(cluster: Cluster): Promise<void> {
  const { doomed: count, manager } = cluster;
  const [doomed] = cluster.hosts;
  if (!doomed) return;
  const numberOf = (hostname: string) => Number(hostname.slice('hollow'.length));
  const lost = (await cluster.nodes()).filter(({ Description }) => numberOf(Description.Hostname) <= count);
  await cluster.allRun();
  const before = verdictsIn(manager.logFile);
  const mark = join(dirname(manager.logFile), 'stopped');
  const sockets = await doomed.stopDead(
    lost.map(({ Status }) => Status.Addr),
    mark,
  );
  const from = performance.now();
  let left = lost.map(({ ID }) => ID);
  const verdict = await until(
    `${count} hosts are down`,
    async (seen) => {
      const states = await cluster.nodes({ id: left });
      left = states.filter(({ Status }) => Status.State !== 'down').map(({ ID }) => ID);
      seen(`${left.length} are not`);
      return left.length === 0 && performance.now();
    },
    { timeoutMs: 60_000, everyMs: 20 },
  );
  await cluster.allRun();
  const replaced = performance.now();
  for (const socket of sockets) socket.destroy();
  cluster.report(`${count} hosts lost: verdicts`, (verdict - from) / 1_000, 's');
  cluster.report(`${count} hosts lost: replaced after the verdicts`, (replaced - verdict) / 1_000, 's', 5);
  const right = new Set(lost.map(({ ID }) => ID));
  const verdicts = [...verdictsIn(manager.logFile)].filter(([id]) => !before.has(id));
  for (const [, says] of verdicts.slice(-3)) say(`down: ${says}`);
  const wrong = verdicts.filter(([id]) => !right.has(id));
  cluster.report('false verdicts', wrong.length, 'hosts', 0);
}
