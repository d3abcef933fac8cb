import { faults, type Host, httpJson, until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { published } from './askers.ts';
import { cluster, containersOn, create, docker, removeServices, running, webSpec } from './shared.ts';

interface Findings {
  healthy: boolean;
  checks: { from: string; to?: string; check: string; ok: boolean; says: string }[];
}
interface Traffic {
  connections: number;
  bytes: number;
}
interface Detail {
  services: { name: string; vip: string; traffic: Traffic & { nodes: (Traffic & { hostname: string })[] } }[];
  unanswered: { hostname: string; why: string }[];
}

const examine = () => httpJson<Findings>(`${cluster.apiUrl}/shoal/v1/doctor/networks`, { timeoutMs: 15_000 });
const failing = ({ checks }: Findings) => checks.filter(({ ok }) => !ok);
const causes = ['agent', 'rules', 'dns', 'path', 'mtu'];
const ofUsers = ['address', 'name', 'vip', 'port'];
/** Asks until exactly these things of some kinds are found wrong: on a busy machine one look may find more. */
const finding = (kinds: readonly string[], ...wanted: string[]) =>
  until(
    `the doctor finds ${wanted.join(', ') || 'nothing'}`,
    async (seen) => {
      const findings = await examine();
      const wrong = failing(findings).filter(({ check }) => kinds.includes(check));
      seen(wrong.map(({ says }) => says));
      const found = wrong.map(({ from, to, check }) => [from, to, check].filter(Boolean).join(' '));
      return found.sort().join() === wanted.sort().join() ? { ...findings, wrong } : undefined;
    },
    { timeoutMs: 60_000 },
  );
const detail = () => httpJson<Detail>(`${cluster.apiUrl}/shoal/v1/networks/clinic`, { timeoutMs: 10_000 });

/** The service's counters, once every host has told its own. */
const traffic = () =>
  until(
    'all hosts tell their counters',
    async (seen) => {
      const { services, unanswered } = await detail();
      seen(unanswered);
      return unanswered.length === 0 ? services.find(({ name }) => name === 'web') : undefined;
    },
    { timeoutMs: 60_000 },
  );

/** The service's container on a host: its address on the network, and the bridge there. */
async function inClinic(host: Host) {
  const [container] = await containersOn(host, 'web');
  const [name, joined] =
    Object.entries(container?.NetworkSettings.Networks ?? {}).find(([each]) =>
      each.startsWith('shoal.1.clinic.'),
    ) ?? [];
  return { address: joined?.IPAddress ?? '', bridge: `sh.n${name?.split('.').at(-1)}` };
}

const networks: string[] = [];
beforeAll(async () => {
  for (const [Name, Options] of [
    ['clinic', {}],
    ['clinic-sealed', { encrypted: '' }],
  ] as const) {
    const { id } = await docker.createNetwork({ Name, Driver: 'overlay', Options });
    networks.push(id);
  }
  const Networks = networks.map((Target) => ({ Target }));
  await create(webSpec('web', { task: { Networks }, Mode: { Global: {} }, ...published(18_098) }));
  await running('web', 3);
});
afterEach(() => faults.healAll(cluster));
afterAll(async () => {
  await removeServices();
  for (const id of networks) await docker.getNetwork(id).remove();
});

describe('the doctor', () => {
  it('finds a healthy cluster healthy, and says what it looked at', async () => {
    const { checks, healthy } = await finding([...causes, ...ofUsers]);
    expect(healthy).toBe(true);
    for (const from of ['h1', 'h2', 'h3']) {
      const own = checks.filter((each) => each.from === from);
      expect(new Set(own.map(({ check }) => check))).toEqual(new Set([...causes, ...ofUsers]));
      expect(own.filter(({ check }) => check === 'path' || check === 'mtu')).toHaveLength(8);
      const others = ['h1', 'h2', 'h3'].filter((name) => name !== from);
      const towards = (kind: string) =>
        own.flatMap(({ check, to }) => (check === kind && to ? [to] : [])).sort();
      expect([towards('address'), towards('name'), towards('port')]).toEqual([
        others,
        others,
        ['h1', 'h2', 'h3'],
      ]);
      expect(own.find(({ check, to }) => check === 'name' && !to)?.says).toMatch(/find 2 service names/);
    }
  });

  it('names the one way that is blocked, and the port', async () => {
    const [h2, h3] = [cluster.host('h2'), cluster.host('h3')];
    await faults.drop({ from: h2, at: h3, only: { protocol: 'udp', port: 4789 } });
    const { healthy, wrong } = await finding(causes, 'h2 h3 path');
    expect(healthy).toBe(false);
    expect(wrong[0]?.says).toBe(
      `h2 can't reach h3 inside the overlay: UDP port 4789 from ${h2.ip} to ${h3.ip} seems to be blocked; open it in the firewall between them`,
    );
  });

  it('names encrypted ways that are blocked, and links that are too narrow', async () => {
    const [h1, h2, h3] = cluster.hosts;
    await faults.drop({ from: h1, at: h2, only: { protocol: 'udp', port: 51_823 } });
    // Only frames of full size get lost, as on a link with a smaller MTU.
    await faults.drop({ from: h3, at: h1, only: { protocol: 'udp', port: 9 } });
    await h1.sh(
      `nft 'add rule inet shoal_faults arriving ip saddr ${h3.ip} udp dport 4789 ip length > 1450 drop'`,
    );
    const { wrong } = await finding(causes, 'h1 h2 path', 'h2 h1 path', 'h3 h1 mtu');
    expect(wrong.find(({ check }) => check === 'mtu')?.says).toContain('1450 bytes');
    expect(wrong.find(({ check }) => check === 'path')?.says).toContain('51823');
  });

  it('names a container that nobody reaches, though VXLAN and rules are well', async () => {
    const h2 = cluster.host('h2');
    const { address } = await inClinic(h2);
    await h2.sh(
      `nft add table inet shoal_faults
       nft 'add chain inet shoal_faults arriving { type filter hook prerouting priority -400; }'
       nft 'add rule inet shoal_faults arriving ip daddr ${address} iifname "sh.vx" drop'`,
    );
    const { healthy, wrong } = await finding(
      [...causes, 'address', 'name'],
      'h1 h2 address',
      'h3 h2 address',
      // What the others answer it is dropped, too.
      'h2 h1 address',
      'h2 h3 address',
    );
    expect(healthy).toBe(false);
    expect(
      wrong.filter(({ says }) => says.includes(`(${address}) on network clinic: no answer`)),
    ).toHaveLength(2);
  });

  it('goes before rules like those of Docker 28 and later, which drop what comes from other hosts', async () => {
    const h2 = cluster.host('h2');
    const { address, bridge } = await inClinic(h2);
    const rule = `PREROUTING -d ${address} ! -i ${bridge} -j DROP`;
    await h2.sh(`iptables -t raw -I ${rule}`);
    try {
      await finding([...causes, ...ofUsers]);
      expect((await h2.sh('iptables -t raw -S PREROUTING')).trim().split('\n').slice(1, 2)).toEqual([
        '-A PREROUTING -i sh.+ -j ACCEPT',
      ]);
    } finally {
      await h2.sh(`iptables -t raw -D ${rule}`);
    }
  });

  it('puts right what somebody changed beside the rules, and says so', async () => {
    const h3 = cluster.host('h3');
    const { bridge } = await inClinic(h3);
    await until(
      'the doctor names the setting',
      async () => {
        // The agent's own look, once a minute, may come first.
        await h3.sh(`echo 0 > /proc/sys/net/ipv4/ip_forward; ip link set dev ${bridge} down`);
        return failing(await examine()).some(
          ({ from, check, says }) =>
            `${from} ${check}` === 'h3 rules' && says.includes('net.ipv4.ip_forward'),
        );
      },
      { timeoutMs: 60_000 },
    );
    await finding([...causes, ...ofUsers]);
    expect(await h3.sh(`cat /proc/sys/net/ipv4/ip_forward; ip -br link show ${bridge}`)).toMatch(
      /^1\n.* UP /,
    );
  });

  it('names a host whose agent is away, and so do counters', async () => {
    await faults.killProcess(cluster.host('h2'), 'agent', { hold: true });
    const { wrong } = await finding(causes, 'h2 agent');
    // The question may reach it in its last moment.
    expect(wrong[0]?.says).toMatch(/not connected|went away/);
    expect((await detail()).unanswered.map(({ hostname }) => hostname)).toContain('h2');
  });
});

describe('traffic', () => {
  it('of a service grows where it enters', async () => {
    // The host whose agent was away may have got a new task.
    await running('web', 3);
    const { vip, traffic: before } = await traffic();
    const [container] = await containersOn(cluster.host('h2'), 'web');
    const script = `(async () => { for (let i = 0; i < 10; i++)
      await (await fetch('http://${vip}:8080/', { headers: { connection: 'close' } })).text(); })()`;
    await cluster.host('h2').exec(['docker', 'exec', container?.Id ?? '', 'node', '-e', script]);
    const { traffic: after } = await traffic();
    expect(after.connections).toBe(before.connections + 10);
    expect(after.bytes).toBeGreaterThan(before.bytes + 1_000);
    // The doctor's own connections count, too: those were before.
    const grown = after.nodes.filter(
      ({ hostname, connections }) =>
        connections !== (before.nodes.find((each) => each.hostname === hostname)?.connections ?? 0),
    );
    expect(grown.map(({ hostname }) => hostname)).toEqual(['h2']);
  });
});
