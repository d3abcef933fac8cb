import { describe, expect, it } from 'vitest';
import { endpoint, network, peer, service, state } from '../state/builders.fixture.ts';
import { ingressName } from '../state/state.ts';
import { baseChains, usualRules } from './base-rules.ts';
import { planTable } from './desired.ts';
import { diffTable, idsOf, renderChanges } from './diff.ts';
import { partsOf } from './kernel.fixture.ts';
import { merge } from './table.ts';

const ingress = network(9, { name: ingressName });
const web = service('web', {
  attachments: [{ networkId: 'net1', vip: '10.1.0.5', aliases: [] }],
  endpoints: [1, 2].map((host) =>
    endpoint('web', host, { net1: `10.1.${host}.10`, net9: `10.9.${host}.10` }, `node${host}`),
  ),
  published: [{ protocol: 'tcp', published: 8080, target: 80 }],
});

const elementsOf = (of: ReturnType<typeof state>) =>
  Object.fromEntries(
    [...merge(partsOf(planTable(of))).sets]
      .filter(([, elements]) => elements.size > 0)
      .map(([name, elements]) => [name, Object.fromEntries(elements)]),
  );

describe('the table', () => {
  it('reads like this', () => {
    const plan = planTable(state({ networks: [network(1), ingress], services: [web] }));
    const text = renderChanges(diffTable(undefined, merge(partsOf(plan))));
    expect(text.replaceAll(/ comment "\w+"/g, '').replace(/shape-\w+/, 'shape-X')).toMatchInlineSnapshot(`
      "add table ip shoal
      add map ip shoal vips { type ifname . ipv4_addr : verdict; }
      add map ip shoal backends { typeof ip daddr . numgen random mod 2 : ip daddr; }
      add map ip shoal ports { type inet_proto . inet_service : verdict; }
      add map ip shoal tcp_backends { typeof tcp dport . numgen random mod 2 : ip daddr . tcp dport; }
      add map ip shoal udp_backends { typeof udp dport . numgen random mod 2 : ip daddr . udp dport; }
      add map ip shoal sctp_backends { typeof sctp dport . numgen random mod 2 : ip daddr . sctp dport; }
      add set ip shoal idle_ports { type inet_proto . inet_service; }
      add set ip shoal hairpin { type ipv4_addr . ipv4_addr; }
      add map ip shoal from_network { type ifname : verdict; }
      add map ip shoal to_network { type ifname : verdict; }
      add set ip shoal hosts { type ipv4_addr; }
      add set ip shoal gateways { type ipv4_addr; }
      add map ip shoal zones { typeof ether saddr : ct zone; }
      add map ip shoal origins { type ether_addr : mark; }
      add set ip shoal vip_connections { type ipv4_addr; counter; }
      add set ip shoal vip_bytes { type ipv4_addr; counter; }
      add set ip shoal port_connections { type inet_proto . inet_service; counter; }
      add set ip shoal tcp_bytes { type inet_service; counter; }
      add set ip shoal udp_bytes { type inet_service; counter; }
      add set ip shoal sctp_bytes { type inet_service; counter; }
      add ct timeout ip shoal patient { protocol tcp; l3proto ip; policy = { syn_sent : 120, syn_recv : 60, established : 432000, fin_wait : 120, close_wait : 7200, last_ack : 30, time_wait : 120, close : 10, retrans : 300, unack : 300 }; }
      add chain ip shoal shape-X
      add chain ip shoal arriving { type filter hook prerouting priority raw; }
      add chain ip shoal marking { type filter hook prerouting priority mangle; }
      add chain ip shoal nat-in { type nat hook prerouting priority dstnat; }
      add chain ip shoal nat-out { type nat hook output priority -100; }
      add chain ip shoal local { type filter hook input priority -10; }
      add chain ip shoal through { type filter hook forward priority -10; }
      add chain ip shoal leaving { type filter hook output priority 0; }
      add chain ip shoal nat-after { type nat hook postrouting priority srcnat; }
      add chain ip shoal from-1
      add chain ip shoal to-1
      add chain ip shoal from-9
      add chain ip shoal to-9
      add chain ip shoal vip-2
      add chain ip shoal tcp-2
      flush chain ip shoal arriving
      add rule ip shoal arriving iifname "sh.*" ip daddr 127.0.0.0/8 drop
      add rule ip shoal arriving iifname "sh.vx*" ip daddr { 10.9.1.0/24 } ip saddr != { 10.9.0.0/16 } ct original zone set ether saddr map @zones
      flush chain ip shoal marking
      add rule ip shoal marking iifname "sh.vx*" ip daddr { 10.9.1.0/24 } ip saddr != { 10.9.0.0/16 } ct state new ct mark set ether saddr map @origins
      add rule ip shoal marking iifname "sh.n*" ct direction reply ct mark & 0xffff0000 == 0x53480000 meta mark set ct mark
      flush chain ip shoal nat-in
      add rule ip shoal nat-in fib daddr type local meta l4proto . th dport @port_connections
      add rule ip shoal nat-in fib daddr type local meta l4proto . th dport vmap @ports
      add rule ip shoal nat-in iifname "sh.n*" ip daddr @vip_connections
      add rule ip shoal nat-in iifname . ip daddr vmap @vips
      flush chain ip shoal nat-out
      add rule ip shoal nat-out fib daddr type local meta l4proto . th dport @port_connections
      add rule ip shoal nat-out fib daddr type local meta l4proto . th dport vmap @ports
      flush chain ip shoal local
      add rule ip shoal local meta iifkind "bridge" udp dport 4789 @th,96,24 0x534800 fib saddr . iif oif missing drop
      add rule ip shoal local udp dport 4789 @th,96,24 0x534800 ip saddr @hosts accept
      add rule ip shoal local udp dport 4789 @th,96,24 0x534800 drop
      add rule ip shoal local udp dport 4789 @th,96,24 0x534801 iifname != "sh.wg" drop
      add rule ip shoal local iifname != "sh.n*" iifname != "lo" meta l4proto . th dport { tcp . 53, udp . 53 } ip daddr @gateways drop
      add rule ip shoal local iifname "sh.vx*" ct state new meta l4proto != icmp drop
      add rule ip shoal local ct state new meta l4proto tcp meta l4proto . th dport @idle_ports fib daddr type local reject with tcp reset
      add rule ip shoal local ct state new meta l4proto sctp meta l4proto . th dport @idle_ports fib daddr type local reject with icmp type prot-unreachable
      add rule ip shoal local ct state new meta l4proto . th dport @idle_ports fib daddr type local reject
      add rule ip shoal local iifname "sh.*" meta l4proto sctp @th,96,8 4 ct state new drop
      flush chain ip shoal through
      add rule ip shoal through udp dport 4789 @th,96,24 0x534800 ip daddr @hosts drop
      add rule ip shoal through udp dport 4789 @th,96,24 0x534801 drop
      add rule ip shoal through ct state established,related ct mark 0 ct status ! dnat accept
      add rule ip shoal through ct status dnat ct original ip daddr @vip_bytes
      add rule ip shoal through ct mark & 0xffff0000 == 0x53490000 meta l4proto tcp ct original proto-dst @tcp_bytes
      add rule ip shoal through ct mark & 0xffff0000 == 0x53490000 meta l4proto udp ct original proto-dst @udp_bytes
      add rule ip shoal through ct mark & 0xffff0000 == 0x53490000 meta l4proto sctp ct original proto-dst @sctp_bytes
      add rule ip shoal through ct state established,related accept
      add rule ip shoal through iifname vmap @from_network
      add rule ip shoal through oifname vmap @to_network
      add rule ip shoal through oifname "sh.vx*" ct mark & 0xffff0000 == 0x53490000 accept
      add rule ip shoal through iifname "sh.*" drop
      add rule ip shoal through oifname "sh.*" drop
      flush chain ip shoal leaving
      add rule ip shoal leaving oifname "sh.n*" icmp type redirect drop
      add rule ip shoal leaving oifname "sh.n*" meta l4proto sctp @th,96,8 4 ct state new drop
      flush chain ip shoal nat-after
      add rule ip shoal nat-after meta l4proto tcp iifname "sh.*" ct timeout set "patient"
      add rule ip shoal nat-after meta l4proto tcp oifname "sh.*" ct timeout set "patient"
      add rule ip shoal nat-after ip saddr . ip daddr @hairpin masquerade
      add rule ip shoal nat-after oifname "sh.*" ip saddr 127.0.0.0/8 masquerade
      add rule ip shoal nat-after oifname != "sh.*" ct mark & 0xffff0000 == 0x534a0000 masquerade
      flush chain ip shoal from-1
      add rule ip shoal from-1 oifname { "sh.n1" } accept
      add rule ip shoal from-1 oifname "sh.vx" ip daddr { 10.1.2.0/24, 10.1.3.0/24 } accept
      add rule ip shoal from-1 ct mark & 0xffff0000 == 0x53490000 accept
      add rule ip shoal from-1 oifname "sh.*" meta l4proto tcp reject with tcp reset
      add rule ip shoal from-1 oifname "sh.*" meta l4proto sctp reject with icmp type prot-unreachable
      add rule ip shoal from-1 oifname "sh.*" reject
      add rule ip shoal from-1 ct mark set 0x534a0000 accept
      flush chain ip shoal to-1
      add rule ip shoal to-1 iifname "sh.vx" ip saddr { 10.1.2.0/24, 10.1.3.0/24 } accept
      add rule ip shoal to-1 ct mark & 0xffff0000 == 0x53490000 accept
      add rule ip shoal to-1 iifname "sh.vx" ct mark & 0xffff0000 == 0x53480000 accept
      add rule ip shoal to-1 iifname != "sh.*" ct status dnat accept
      add rule ip shoal to-1 drop
      flush chain ip shoal from-9
      add rule ip shoal from-9 oifname { "sh.n9" } accept
      add rule ip shoal from-9 oifname "sh.vx" ip daddr { 10.9.2.0/24, 10.9.3.0/24 } accept
      add rule ip shoal from-9 ct mark & 0xffff0000 == 0x53490000 accept
      add rule ip shoal from-9 oifname "sh.*" meta l4proto tcp reject with tcp reset
      add rule ip shoal from-9 oifname "sh.*" meta l4proto sctp reject with icmp type prot-unreachable
      add rule ip shoal from-9 oifname "sh.*" reject
      add rule ip shoal from-9 ct mark set 0x534a0000 accept
      flush chain ip shoal to-9
      add rule ip shoal to-9 iifname "sh.vx" ip saddr { 10.9.2.0/24, 10.9.3.0/24 } accept
      add rule ip shoal to-9 ct mark & 0xffff0000 == 0x53490000 accept
      add rule ip shoal to-9 iifname "sh.vx" ct mark & 0xffff0000 == 0x53480000 accept
      add rule ip shoal to-9 iifname != "sh.*" ct status dnat accept
      add rule ip shoal to-9 drop
      flush chain ip shoal vip-2
      add rule ip shoal vip-2 dnat to ip daddr . numgen random mod 2 map @backends
      flush chain ip shoal tcp-2
      add rule ip shoal tcp-2 ct mark set 0x53490000
      add rule ip shoal tcp-2 meta l4proto tcp dnat to tcp dport . numgen random mod 2 map @tcp_backends
      add element ip shoal vips { "sh.n1" . 10.1.0.5 : goto vip-2 }
      add element ip shoal backends { 10.1.0.5 . 0 : 10.1.1.10, 10.1.0.5 . 1 : 10.1.2.10 }
      add element ip shoal ports { tcp . 8080 : goto tcp-2 }
      add element ip shoal tcp_backends { 8080 . 0 : 10.9.1.10 . 80, 8080 . 1 : 10.9.2.10 . 80 }
      add element ip shoal hairpin { 10.1.1.10 . 10.1.1.10, 10.1.1.10 . 10.9.1.10, 10.9.1.10 . 10.1.1.10, 10.9.1.10 . 10.9.1.10, 192.0.2.2 . 10.9.2.10 }
      add element ip shoal from_network { "sh.n1" : goto from-1, "sh.n9" : goto from-9 }
      add element ip shoal to_network { "sh.n1" : goto to-1, "sh.n9" : goto to-9 }
      add element ip shoal hosts { 192.0.2.1, 192.0.2.2, 192.0.2.3 }
      add element ip shoal gateways { 10.1.1.1, 10.9.1.1 }
      add element ip shoal zones { 02:53:48:00:00:02 : 2, 02:53:48:00:00:03 : 3 }
      add element ip shoal origins { 02:53:48:00:00:02 : 1397227522, 02:53:48:00:00:03 : 1397227523 }
      add element ip shoal vip_connections { 10.1.0.5 }
      add element ip shoal vip_bytes { 10.1.0.5 }
      add element ip shoal port_connections { tcp . 8080 }
      add element ip shoal tcp_bytes { 8080 }
      "
    `);
  });

  it('stops frames for our VXLANs before it asks whether a connection is known: an answer can be forged', () => {
    const rules =
      baseChains(ingress)
        .get('through')
        ?.rules.map(({ text }) => text) ?? [];
    const first = (verdict: string) => rules.findIndex((text) => text.endsWith(verdict));
    expect(rules.filter((text) => text.includes('udp dport 4789') && text.endsWith('drop'))).toHaveLength(2);
    expect(first('drop')).toBe(0);
    expect(rules.findLastIndex((text) => text.includes('udp dport 4789'))).toBeLessThan(first('accept'));
  });

  it("refuses new connections only: what goes on is not an idle port's", () => {
    const rules =
      baseChains(ingress)
        .get('local')
        ?.rules.filter(({ text }) => text.includes('reject')) ?? [];
    expect(rules).toHaveLength(3);
    for (const { text } of rules) expect(text).toMatch(/^ct state new /);
  });

  it('asks established packets nothing that depends on the host: timeouts are given by a chain for first packets', () => {
    const bare = { timeouts: undefined, untracked: [], probes: undefined };
    const filters = (chains: ReturnType<typeof baseChains>) =>
      [...chains].filter(([, { base }]) => base.startsWith('type filter'));
    expect(filters(baseChains(ingress))).toEqual(filters(baseChains(ingress, bare)));
  });

  it('leads nothing of the way to the manager through connection tracking while that is full', () => {
    const rules = { ...usualRules, untracked: [{ address: '192.0.2.9', port: 2480 }] };
    const { chains } = merge(partsOf(planTable(state({ networks: [ingress] }), rules)));
    const way = ['ip daddr 192.0.2.9 tcp dport 2480 notrack', 'ip saddr 192.0.2.9 tcp sport 2480 notrack'];
    expect(chains.get('departing')?.rules.map(({ text }) => text)).toEqual(way);
    expect(
      chains
        .get('arriving')
        ?.rules.slice(0, 2)
        .map(({ text }) => text),
    ).toEqual(way);
    expect(merge(partsOf(planTable(state({ networks: [ingress] })))).chains.has('departing')).toBe(false);
  });

  it('answers probes of hosts and managers, and refuses all others: a host that it does not know yet must not find it dead', () => {
    const probes = { address: '192.0.2.1', port: 2481, managers: ['192.0.2.8', '192.0.2.9'] };
    const rulesWith = (managers: readonly string[]) =>
      baseChains(ingress, { ...usualRules, probes: { ...probes, managers } })
        .get('local')
        ?.rules.map(({ text }) => text)
        .filter((text) => text.includes('2481'));
    const others = 'ct state new tcp dport 2481 ip daddr 192.0.2.1 ip saddr != @hosts';
    expect(rulesWith([])).toEqual([`${others} reject with tcp reset`]);
    expect(rulesWith(probes.managers)).toEqual([
      `${others} ip saddr != { 192.0.2.8, 192.0.2.9 } reject with tcp reset`,
    ]);
    const hostile = { ...usualRules, probes: { ...probes, managers: ['192.0.2.9 }; accept'] } };
    expect(() => planTable(state(), hostile)).toThrow(/IPv4/);
  });

  it('changes one element of each set when a host joins or leaves', () => {
    const plan = (...peers: number[]) =>
      merge(partsOf(planTable(state({ networks: [network(1), ingress], peers: peers.map((n) => peer(n)) }))));
    const kernel = (table: ReturnType<typeof plan>) => ({ sets: table.sets, chains: idsOf(table) });
    const [two, three] = [plan(2, 3), plan(2, 3, 4)];
    const text = (from: typeof two, to: typeof two) =>
      renderChanges(diffTable(kernel(from), to))
        .trim()
        .split('\n');
    expect(text(two, three)).toEqual([
      'add element ip shoal hosts { 192.0.2.4 }',
      'add element ip shoal zones { 02:53:48:00:00:04 : 4 }',
      'add element ip shoal origins { 02:53:48:00:00:04 : 1397227524 }',
    ]);
    expect(text(three, two)[0]).toBe('delete element ip shoal hosts { 192.0.2.4 }');
    const moved = merge(
      partsOf(
        planTable(
          state({ networks: [network(1), ingress], peers: [peer(2), peer(3, { address: '192.0.2.33' })] }),
        ),
      ),
    );
    expect(text(two, moved)).toEqual([
      'delete element ip shoal hosts { 192.0.2.3 }',
      'add element ip shoal hosts { 192.0.2.33 }',
    ]);
  });

  it('closes the ports and leaves out the VIPs of a service without endpoints', () => {
    const { vips, ports, idle_ports } = elementsOf(
      state({ networks: [network(1), ingress], services: [{ ...web, endpoints: [] }] }),
    );
    expect({ vips, ports, idle_ports }).toEqual({
      vips: undefined,
      ports: undefined,
      idle_ports: { 'tcp . 8080': '' },
    });
  });

  it('knows VIPs on the bridges of their own network only', () => {
    const { vips } = elementsOf(state({ networks: [network(1), network(2)], services: [web] }));
    expect(vips).toEqual({ 'sh.n1 . 10.1.0.5': 'goto vip-2' });
  });

  it.each([
    [
      'a VIP',
      { services: [{ ...web, attachments: [{ networkId: 'net1', vip: '10.1.0.5 }', aliases: [] }] }] },
    ],
    [
      'an endpoint',
      { services: [{ ...web, endpoints: [endpoint('web', 1, { net1: '1.2.3.4; flush ruleset' })] }] },
    ],
    [
      'a port',
      { services: [{ ...web, published: [{ protocol: 'tcp', published: 0, target: 80 } as const] }] },
    ],
    ['a slice', { networks: [network(1, { peerSlices: [{ nodeId: 'node2', slices: ['10.1.2.0/24 }'] }] })] }],
    ['a number', { networks: [network(70_000)] }],
  ])('refuses %s that is none', (_, parts) => {
    expect(() => planTable(state({ networks: [network(1), ingress], ...parts }))).toThrow(/IPv4|port|number/);
  });
});
