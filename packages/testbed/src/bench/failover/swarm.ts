import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Host } from '../../cluster/index.ts';
import { allServeOn, askAt, DRILLS, isBalanced, Watch } from '../../drill/index.ts';
import { healAll } from '../../faults/index.ts';
import { say, until } from '../../machine/index.ts';
import type { Kind } from './rounds.ts';

/**
 * The same faults and the same replicas under Docker Swarm, with its defaults, on the same hosts' daemons; Shoal runs
 * nothing meanwhile. Without a published port: its load balancer needs IPVS, which not every kernel has.
 */
export interface SwarmRound {
  readonly kind: Kind;
  /** Seconds from the fault until the node is `down`, and until all replicas run on the other hosts. */
  readonly detected: number;
  readonly running: number;
}

const service = 'swarm-bench';
/** The figure of what did not happen in time. */
const limitMs = 120_000;

export async function playSwarm(
  cluster: Cluster,
  kinds: readonly Kind[],
  { rounds, replicas, image }: { rounds: number; replicas: number; image: string },
): Promise<SwarmRound[]> {
  const [first, ...others] = cluster.hosts;
  const played: SwarmRound[] = [];
  try {
    await first.exec(['docker', 'swarm', 'init', '--advertise-addr', first.ip]);
    const token = (await first.exec(['docker', 'swarm', 'join-token', '--quiet', 'worker'])).trim();
    for (const host of others)
      await host.exec(['docker', 'swarm', 'join', '--token', token, `${first.ip}:2377`]);
    for (let round = 1; round <= rounds; round++) {
      for (const [index, kind] of kinds.entries()) {
        const victim = (round + index) % 2 === 0 ? cluster.hosts[1] : cluster.hosts[2];
        say(`Docker Swarm, round ${round} of ${rounds}: ${kind}, ${victim.name}`);
        played.push(await playRound(cluster, kind, victim, replicas, image));
        say(`  ${JSON.stringify(played.at(-1))}`);
      }
    }
    return played;
  } finally {
    for (const host of cluster.hosts) await host.sh('docker swarm leave --force || true');
  }
}

async function playRound(
  cluster: Cluster,
  kind: Kind,
  victim: Host,
  replicas: number,
  image: string,
): Promise<SwarmRound> {
  const [first] = cluster.hosts;
  const hosts = cluster.hosts.map(({ name }) => name);
  const drill = DRILLS.find(({ name }) => name === kind);
  if (!drill) throw new Error(`no drill is named ${kind}`);
  const { signal } = new AbortController();
  const manager = first.docker();
  const watch = new Watch(askAt(`http://${first.ip}:2375`), service, () => {});
  const isUp = () => hosts.every((host) => watch.view.nodes.get(host) === 'ready');
  try {
    await until('all nodes of the swarm are ready', async () => isUp(), { timeoutMs: limitMs });
    await manager.createService({
      Name: service,
      TaskTemplate: { ContainerSpec: { Image: image, StopGracePeriod: 1e9 } },
      Mode: { Replicated: { Replicas: replicas } },
    } as never);
    if (!(await watch.until((view) => isBalanced(view, replicas, hosts), limitMs, signal)))
      throw new Error(`the ${replicas} replicas did not come to run evenly under Docker Swarm`);
    // As before a drill strikes.
    await sleep(3_000);
    const context = { docker: manager, testbed: cluster, victim: victim.name, manager: first.name };
    const struck = await drill.strike({ ...context, service, signal });
    const others = hosts.filter((host) => host !== victim.name);
    await watch.until(({ nodes }) => nodes.get(victim.name) === 'down', limitMs, signal);
    const detected = Date.now();
    await watch.until((view) => allServeOn(view, replicas, others), limitMs, signal);
    const running = Date.now();
    return { kind, detected: (detected - struck) / 1_000, running: (running - struck) / 1_000 };
  } finally {
    try {
      await healAll(cluster);
      await manager.getService(service).remove();
      await until('all nodes of the swarm are ready again', async () => isUp(), { timeoutMs: limitMs });
    } finally {
      await watch.stop();
    }
  }
}
