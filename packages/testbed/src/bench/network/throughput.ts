import type { Cluster } from '../../cluster.ts';
import type { Host } from '../../host.ts';
import { say } from '../../say.ts';
import { report } from '../report.ts';
import { inside, remove, startOne } from './services.ts';
import { median } from './stats.ts';

/**
 * One TCP stream from host to host, in turns: between containers of an overlay network, through a VXLAN device pair of
 * the hosts without anything else, and over the hosts' bare link.
 */
/** Short turns, and many: other work on the machine hits all ways alike. */
const rounds = 11;
const secondsEach = 1;
const port = 5_201;
const vxlan = { link: 'bench.vx', vni: 7_213, port: 8_479, addresses: ['192.168.213.1', '192.168.213.2'] };

export async function throughput(cluster: Cluster): Promise<boolean[]> {
  const [h1, h2] = cluster.hosts;
  const image = cluster.image('bench:1');
  const iperf = ['iperf3', '--server', '--port', String(port)];
  const client = await startOne(cluster, { name: 'client', host: h1.name });
  const server = await startOne(cluster, { name: 'server', host: h2.name, container: { Command: iperf } });
  try {
    await addVxlan(h1, h2);
    for (const host of [h1, h2])
      await host.exec(['docker', 'run', '-d', '--name', 'bench-bare', '--network', 'host', image, ...iperf]);
    const bare = (command: readonly string[]) => h1.exec(['docker', 'exec', 'bench-bare', ...command]);
    const ways = {
      overlay: () => measure((command) => inside(client, command), server.address),
      vxlan: () => measure(bare, vxlan.addresses[1] ?? ''),
      link: () => measure(bare, h2.ip),
    };
    const figures: Record<keyof typeof ways, number[]> = { overlay: [], vxlan: [], link: [] };
    for (let round = 1; round <= rounds; round++) {
      say(`throughput: round ${round} of ${rounds}`);
      for (const [way, run] of Object.entries(ways)) figures[way as keyof typeof ways].push(await run());
    }
    const { overlay, vxlan: plain, link } = figures;
    const against = (reference: number[]) => ({ reference: median(reference), better: 'higher' }) as const;
    const goal = { goal: 0.95, goalOf: 'ratio' } as const;
    return [
      report('network', 'overlay throughput against bare VXLAN', median(overlay), 'Gbit/s', {
        ...against(plain),
        ...goal,
      }),
      report('network', 'overlay throughput against the bare link', median(overlay), 'Gbit/s', against(link)),
    ];
  } finally {
    for (const host of [h1, h2])
      await host.sh(`ip link delete ${vxlan.link} || true; docker rm --force bench-bare || true`);
    await remove(cluster, 'client', 'server');
  }
}

async function addVxlan(...ends: readonly [Host, Host]): Promise<void> {
  for (const [index, host] of ends.entries()) {
    const remote = ends[1 - index]?.ip;
    await host.sh(
      `ip link add ${vxlan.link} type vxlan id ${vxlan.vni} dstport ${vxlan.port} local ${host.ip} remote ${remote}
       ip address add ${vxlan.addresses[index]}/30 dev ${vxlan.link}
       ip link set ${vxlan.link} up`,
    );
  }
}

/** What arrived, in Gbit/s. */
async function measure(
  run: (command: readonly string[]) => Promise<string>,
  address: string,
): Promise<number> {
  const output = await run([
    ...['iperf3', '--json', '--client', address, '--port', String(port)],
    ...['--time', String(secondsEach), '--omit', '1', '--connect-timeout', '3000'],
  ]);
  const { end } = JSON.parse(output) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}
