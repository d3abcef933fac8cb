import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAll } from '../../../../scripts/build.ts';
import { http, say, step, TestbedError, until } from '../machine/index.ts';
import { ManagerProcess } from './restart/index.ts';
import {
  Cluster,
  connect,
  fill,
  loseHosts,
  measureApi,
  measureEndpointChange,
  measureIdle,
  measureSliceChange,
  memoryOf,
  restartManager,
  type Size,
} from './scale/index.ts';

/**
 * One manager with very many hosts and tasks. The manager is the real process with its state on disk; the hosts are
 * hollow, in a few processes: the agents' real sessions and tasks over real gRPC, on Docker daemons that are maps.
 */
export default async function scale(args: readonly string[]): Promise<boolean> {
  const size = sizeIn(args);
  checkLimits(size);
  await step('bundling the manager', () => buildAll(say));
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-scale-'));
  const manager = await ManagerProcess.prepare(folder);
  const cluster = new Cluster(size, manager);
  const kill = () => void cluster.kill();
  process.once('exit', kill);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  try {
    manager.start();
    await until('the manager answers', () => answers(manager), { timeoutMs: 30_000 });
    await connect(cluster);
    await fill(cluster);
    await measureIdle(cluster);
    await measureApi(cluster);
    await measureEndpointChange(cluster);
    await measureSliceChange(cluster);
    await loseHosts(cluster);
    cluster.report('memory of the manager, at most', memoryOf(manager.pid).most / 2 ** 20, 'MiB');
    await restartManager(cluster);
    return cluster.goalsMet;
  } finally {
    process.off('exit', kill);
    await cluster.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function sizeIn(args: readonly string[]): Size {
  const { values } = parseArgs({
    args: [...args],
    options: {
      agents: { type: 'string', default: '1000' },
      tasks: { type: 'string' },
    },
  });
  const agents = Number(values.agents);
  if (!Number.isInteger(agents) || agents < 20 || agents > 20_000)
    throw new TestbedError(`--agents takes a number from 20 to 20,000, not ${values.agents}.`);
  const tasks = Number(values.tasks ?? agents * 30);
  if (!Number.isInteger(tasks) || tasks < agents * 2 || tasks > agents * 100)
    throw new TestbedError(`--tasks takes a number from 2 to 100 for each agent, not ${values.tasks}.`);
  return { agents, tasks };
}

/** Each process needs a file for each of its connections; Node takes all that the hard limit allows. */
function checkLimits({ agents }: Size): void {
  const most = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  if (most !== undefined && Number(most) < agents + 1_000)
    throw new TestbedError(`${agents} agents need ${agents + 1_000} open files; ulimit -Hn says ${most}.`);
}

const answers = async ({ apiUrl }: ManagerProcess): Promise<boolean> =>
  (await http(`${apiUrl}/_ping`, { timeoutMs: 1_000 })).status === 200;
