import { type Host, run, tryRun, until } from '@shoal/testbed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Asker, client, network, removeNetworks } from './askers.ts';
import { cluster, removeServices, tasksOf } from './shared.ts';

const [h1, h2, h3] = cluster.hosts;
const plainVni = 0x534800;
const encryptedVni = 0x534801;

/** A machine on the network of the hosts that is none of them. */
const attacker = `${h1.container}-attacker`;
const attackerIp = `${cluster.options.net}.41`;

/** A shell script there, or wherever else `enter` leads to. */
type Shell = (script: string) => Promise<{ code: number; stdout: string; stderr: string }>;
const onAttacker: Shell = (script) => tryRun('docker', ['exec', attacker, 'sh', '-ec', script]);

let target: Asker;
let outsider: Asker;

beforeAll(async () => {
  const image = (await run('docker', ['inspect', '--format', '{{.Image}}', h1.container])).trim();
  await run('docker', [
    'run',
    '--detach',
    ...['--name', attacker, '--network', h1.network, '--ip', attackerIp, '--cap-add', 'NET_ADMIN'],
    // What it claims to be is for its packets alone: as a neighbour, each host is found where it was.
    ...['--sysctl', 'net.ipv4.conf.all.arp_ignore=1', '--sysctl', 'net.ipv4.conf.all.arp_announce=2'],
    ...['--entrypoint', 'sleep', image, '600'],
  ]);
  await network('shop');
  await network('sealed', { Options: { encrypted: '' } });
  await network('back');
  target = await client('target', 'h1', 'shop', 'sealed');
  await client('mate', 'h3', 'shop', 'sealed');
  outsider = await client('outsider', 'h1', 'back');
});
afterAll(async () => {
  await tryRun('docker', ['rm', '--force', attacker]);
  await removeServices();
  await removeNetworks();
});

/** The address of a service's only task on a network. */
async function addressOf(service: string, name: string): Promise<string> {
  const [task] = (await tasksOf(service)) as unknown as {
    NetworksAttachments: { Network: { Spec: { Name: string } }; Addresses: string[] }[];
  }[];
  const found = task?.NetworksAttachments.find(({ Network }) => Network.Spec.Name === name);
  return found?.Addresses[0]?.split('/')[0] ?? '';
}

/** How many pings a container has received. */
async function pings({ host, id }: Asker): Promise<number> {
  const text = await host.exec(['docker', 'exec', id, 'cat', '/proc/net/snmp']);
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith('Icmp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('InEchos')]);
}

/** Pings `to` in the name of `as`, in VXLAN frames to `gate`, a host's address, in the name of the host `from`. */
async function pingInVxlan(
  shell: Shell,
  frame: { vni: number; from: string; gate: string; as: string; to: string },
): Promise<void> {
  const { vni, from, gate, as, to } = frame;
  const mac = (await h1.sh('cat /sys/class/net/sh.vx/address')).trim();
  const sent = await shell(`
    ip address replace ${from}/32 dev lo
    ip link add attack type vxlan id ${vni} dstport 4789 local ${from} remote ${gate} nolearning
    ip address add ${as}/32 dev attack
    ip link set attack up
    ip route add ${to}/32 dev attack
    ip neigh replace ${to} lladdr ${mac} dev attack nud permanent
    ping -c 3 -i 0.2 -W 1 ${to} >&2 || true
    ip -s link show attack | awk 'END { print $2 }'
    ip link del attack
    ip address del ${from}/32 dev lo`);
  expect(sent).toMatchObject({ code: 0 });
  expect(Number(sent.stdout)).toBeGreaterThanOrEqual(3);
}

describe('whoever is on the network of the hosts and none of them', () => {
  it('is refused at the probe port, where hosts are answered', async () => {
    const probe = (host: Host) => `socat -u /dev/null TCP:${host.ip}:2481,connect-timeout=3`;
    for (const host of cluster.hosts) {
      const { code, stderr } = await onAttacker(probe(host));
      expect([code, stderr]).toEqual([1, expect.stringContaining('Connection refused')]);
    }
    for (const from of cluster.hosts) await from.sh(probe(h2));
  });

  it('gets no answer from the DNS server of a host, though it routes through that host', async () => {
    const addresses = await h1.sh("ip -o -4 address | awk '$2 ~ /^sh.n/ { print $4 }' | cut -d/ -f1");
    const gateways = addresses.trim().split('\n');
    expect(gateways.length).toBeGreaterThanOrEqual(3);
    const question = String.raw`\022\064\001\000\000\001\000\000\000\000\000\000\006target\000\000\001\000\001`;
    for (const gateway of gateways) {
      await onAttacker(`ip route replace ${gateway}/32 via ${h1.ip}`);
      expect(await onAttacker(`ping -c 1 -W 3 ${gateway}`)).toMatchObject({ code: 0 });
      const udp = await onAttacker(`printf '${question}' | socat -T 1 - UDP:${gateway}:53`);
      expect(udp.stdout).toBe('');
      const tcp = await onAttacker(`socat -u /dev/null TCP:${gateway}:53,connect-timeout=1`);
      expect([tcp.code, tcp.stderr]).toEqual([1, expect.stringContaining('timed out')]);
    }
    expect(await target.lookup('mate')).toHaveLength(1);
  });

  it('does not reach containers: not by routes, nor by VXLAN frames of its own', async () => {
    const [to, as] = [await addressOf('target', 'shop'), await addressOf('mate', 'shop')];
    const before = await pings(target);
    await onAttacker(
      `ip route replace ${to}/32 via ${h1.ip}; ping -c 2 -W 1 ${to} || true; ip route del ${to}/32`,
    );
    await pingInVxlan(onAttacker, { vni: plainVni, from: attackerIp, gate: h1.ip, as, to });
    expect(await pings(target)).toBe(before);
  });

  it("reaches those of networks in the clear under a host's address, and never those of encrypted ones", async () => {
    const before = await pings(target);
    for (const [name, vni] of [
      ['sealed', encryptedVni],
      ['sealed', plainVni],
      ['shop', encryptedVni],
    ] as const) {
      const [to, as] = [await addressOf('target', name), await addressOf('mate', name)];
      await pingInVxlan(onAttacker, { vni, from: h3.ip, gate: h1.ip, as, to });
    }
    expect(await pings(target)).toBe(before);
    const [to, as] = [await addressOf('target', 'shop'), await addressOf('mate', 'shop')];
    await pingInVxlan(onAttacker, { vni: plainVni, from: h3.ip, gate: h1.ip, as, to });
    await until('what is not encrypted can be forged', async () => (await pings(target)) > before, {
      timeoutMs: 10_000,
    });
  });
});

it("a container does not get into networks that it is not on, not even under a host's address", async () => {
  const pid = (await h1.exec(['docker', 'inspect', '--format', '{{.State.Pid}}', outsider.id])).trim();
  const inContainer: Shell = (script) =>
    tryRun('docker', ['exec', h1.container, 'nsenter', '-t', pid, '-n', 'sh', '-ec', script]);
  const route = (await inContainer('ip route show default')).stdout;
  const gate = / via (\S+)/.exec(route)?.[1] ?? '';
  const [to, as] = [await addressOf('target', 'shop'), await addressOf('mate', 'shop')];
  const before = await pings(target);
  for (const from of [h3.ip, await addressOf('outsider', 'back')])
    for (const at of [gate, h1.ip]) await pingInVxlan(inContainer, { vni: plainVni, from, gate: at, as, to });
  expect(await pings(target)).toBe(before);
});
