import type { Cluster } from '../../cluster/index.ts';
import { say } from '../../machine/index.ts';
import { median, report } from '../measure/index.ts';
import { inside, PORT, type RunningTask, remove, start, startOne, vipOf } from './services.ts';
import { parseWrk, type WrkResult } from './wrk.ts';

/**
 * What the load balancer costs: the same client and the same server on another host, in turns through the service's
 * address and straight to the container's. On kept connections it is in the path of every packet; with a
 * connection for each request it also decides each time.
 */
/** Short turns, and many: other work on the machine hits both ways alike. */
const rounds = 15;
const secondsEach = 1;
const connections = 16;

export async function requests(cluster: Cluster): Promise<boolean[]> {
  const [h1, h2] = cluster.hosts;
  // A client for each way: to the server, both ways' connections are the same, and ports that one of them has just
  // closed would hold up the other.
  const [through, straight] = await start(cluster, { name: 'client', host: h1.name, replicas: 2 });
  const server = await startOne(cluster, { name: 'server', host: h2.name });
  try {
    if (!through || !straight) throw new Error('there are no two clients');
    const ways = {
      through: { client: through, address: await vipOf(cluster, 'server') },
      straight: { client: straight, address: server.address },
    };
    return [
      ...(await compare('kept connections', ways, [])),
      ...(await compare('new connections', ways, ['-H', 'Connection: close'])),
    ];
  } finally {
    await remove(cluster, 'client', 'server');
  }
}

interface Way {
  client: RunningTask;
  address: string;
}

async function compare(
  kind: string,
  ways: { through: Way; straight: Way },
  options: readonly string[],
): Promise<boolean[]> {
  const wrk = async ({ client, address }: Way): Promise<WrkResult> =>
    parseWrk(
      await inside(client, [
        ...['wrk', '--latency', '-t1', `-c${connections}`, `-d${secondsEach}s`, ...options],
        `http://${address}:${PORT}/`,
      ]),
    );
  const through: WrkResult[] = [];
  const straight: WrkResult[] = [];
  for (let round = 1; round <= rounds; round++) {
    say(`requests on ${kind}: round ${round} of ${rounds}`);
    // The first of the two has cold caches, so they take turns.
    if (round % 2 === 0) straight.push(await wrk(ways.straight));
    through.push(await wrk(ways.through));
    if (round % 2 === 1) straight.push(await wrk(ways.straight));
  }
  const figure = (key: keyof WrkResult, all: WrkResult[]) => median(all.map((each) => each[key]));
  const against = (key: keyof WrkResult, label: string, unit: string, goal: object) =>
    report('network', `${label} through VIP, ${kind}`, figure(key, through), unit, {
      reference: figure(key, straight),
      ...goal,
    });
  return [
    against('perSecond', 'requests', '1/s', { goal: 0.97, goalOf: 'ratio', better: 'higher' }),
    against('p50Ms', 'p50 latency', 'ms', { goal: 1 / 0.97, goalOf: 'ratio' }),
    // Shown without a goal: the slowest hundredth is as much the machine's noise as ours.
    against('p99Ms', 'p99 latency', 'ms', {}),
  ];
}
