import type { Cluster, Host } from '../../cluster/index.ts';
import { say } from '../../machine/index.ts';
import { median, report } from '../measure/index.ts';
import { inside, remove, startOne } from './services.ts';

/**
 * One TCP stream from host to host, in turns:
 * - between containers of an overlay network;
 * - between containers on a bridge with a VXLAN port, in a network namespace of its own and without any rule: how
 *   Docker Swarm lays out its overlay networks (moby, daemon/libnetwork/drivers/overlay);
 * - between processes of the hosts themselves, through a VXLAN device pair;
 * - and over the hosts' bare link.
 */
/** Short turns, and many: other work on the machine hits all ways alike. */
const rounds = 11;
const secondsEach = 1;
const port = 5_201;
const vxlan = { link: 'bench.vx', vni: 7_213, port: 8_479, addresses: ['192.168.213.1', '192.168.213.2'] };
const bridged = { ...vxlan, link: 'bench.bx', vni: 7_214, addresses: ['192.168.214.1', '192.168.214.2'] };
const mtu = 1_450;

export async function throughput(cluster: Cluster): Promise<boolean[]> {
  const [h1, h2] = cluster.hosts;
  const image = cluster.image('bench:1');
  const iperf = ['iperf3', '--server', '--port', String(port)];
  const client = await startOne(cluster, { name: 'client', host: h1.name });
  const server = await startOne(cluster, { name: 'server', host: h2.name, container: { Command: iperf } });
  try {
    for (const host of [h1, h2])
      for (const [name, network] of Object.entries({ 'bench-bare': 'host', 'bench-bridged': 'none' }))
        await host.exec(['docker', 'run', '-d', '--name', name, '--network', network, image, ...iperf]);
    await addVxlan(h1, h2);
    await addBridged(h1, h2);
    const from = (name: string) => (command: readonly string[]) =>
      h1.exec(['docker', 'exec', name, ...command]);
    const ways = {
      overlay: () => measure((command) => inside(client, command), server.address),
      bridged: () => measure(from('bench-bridged'), bridged.addresses[1] ?? ''),
      vxlan: () => measure(from('bench-bare'), vxlan.addresses[1] ?? ''),
      link: () => measure(from('bench-bare'), h2.ip),
    };
    const figures: Record<keyof typeof ways, number[]> = { overlay: [], bridged: [], vxlan: [], link: [] };
    for (let round = 1; round <= rounds; round++) {
      say(`throughput: round ${round} of ${rounds}`);
      for (const [way, run] of Object.entries(ways)) figures[way as keyof typeof ways].push(await run());
    }
    const against = (name: string, way: keyof typeof ways, goal?: number) =>
      report('network', `overlay throughput against ${name}`, median(figures.overlay), 'Gbit/s', {
        reference: median(figures[way]),
        better: 'higher',
        ...(goal === undefined ? {} : { goal, goalOf: 'ratio' }),
      });
    return [
      against('containers bridged over VXLAN', 'bridged', 0.95),
      against('bare VXLAN', 'vxlan', 0.95),
      against('the bare link', 'link'),
    ];
  } finally {
    for (const host of [h1, h2])
      await host.sh(
        `ip link delete ${vxlan.link} || true; ip netns delete bench || true
         docker rm --force bench-bare bench-bridged || true`,
      );
    await remove(cluster, 'client', 'server');
  }
}

type Ends = readonly [Host, Host];

const addLink = (ends: Ends, index: number, { link, vni, port }: typeof vxlan) =>
  `ip link add ${link} type vxlan id ${vni} dstport ${port} local ${ends[index]?.ip} remote ${ends[1 - index]?.ip}`;

async function addVxlan(...ends: Ends): Promise<void> {
  for (const [index, host] of ends.entries())
    await host.sh(
      `${addLink(ends, index, vxlan)}
       ip address add ${vxlan.addresses[index]}/30 dev ${vxlan.link}
       ip link set ${vxlan.link} up`,
    );
}

async function addBridged(...ends: Ends): Promise<void> {
  for (const [index, host] of ends.entries())
    await host.sh(
      `set -e
       pid=$(docker inspect --format '{{.State.Pid}}' bench-bridged)
       ip netns add bench
       ${addLink(ends, index, bridged)}
       ip link set ${bridged.link} netns bench
       ip link add bench.v mtu ${mtu} type veth peer name bench.c mtu ${mtu}
       ip link set bench.v netns bench
       ip link set bench.c netns "$pid" name eth0
       ip -n bench link add br0 mtu ${mtu} type bridge
       for port in ${bridged.link} bench.v; do ip -n bench link set "$port" master br0 up; done
       ip -n bench link set br0 up
       nsenter --net --target "$pid" ip address add ${bridged.addresses[index]}/30 dev eth0
       nsenter --net --target "$pid" ip link set eth0 up`,
    );
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
