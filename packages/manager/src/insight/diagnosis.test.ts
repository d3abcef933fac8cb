import { NetworkCheck, NetworkHeard, type WayCheck } from '@shoal/proto';
import { describe, expect, it } from 'vitest';
import type { Answer } from './ask.ts';
import type { Host } from './checks.ts';
import { diagnose } from './diagnosis.ts';

const host = (number: number): Host => ({
  id: `n${number}`,
  name: `h${number}`,
  address: `10.0.0.${number}`,
});
const way = (to: number, change: Partial<WayCheck> = {}): WayCheck => ({
  nodeId: `n${to}`,
  encrypted: false,
  size: 0,
  answered: true,
  trouble: '',
  ...change,
});
const check = (from: number, change: Partial<NetworkCheck> = {}): Answer<NetworkCheck> => ({
  nodeId: `n${from}`,
  value: NetworkCheck.fromPartial(change),
});
const heard = (at: number, change: Partial<NetworkHeard>): Answer<NetworkHeard> => ({
  nodeId: `n${at}`,
  value: NetworkHeard.fromPartial(change),
});
const trouble = (answers: Answer<NetworkCheck>[], heardBy: Answer<NetworkHeard>[] = []) =>
  diagnose({ hosts: [host(1), host(2), host(3)], answers, heard: heardBy }).filter(({ ok }) => !ok);

describe('a host', () => {
  it('that is well says so', () => {
    const all = diagnose({ hosts: [host(1), host(2)], answers: [check(1, { ways: [way(2)] })], heard: [] });
    expect(all.map(({ check: what, ok }) => [what, ok])).toEqual([
      ['agent', true],
      ['rules', true],
      ['dns', true],
      ['path', true],
      ['address', true],
      ['port', true],
    ]);
    expect(all[3]).toMatchObject({ from: 'h1', to: 'h2', says: 'h1 reaches h2 inside the overlay' });
  });

  it('that is away, in trouble, changed by others or without names is named', () => {
    const says = trouble([
      { nodeId: 'n1', why: 'the node is not connected to the manager' },
      check(2, { trouble: 'nft is missing', repaired: ['routes', 'rules'] }),
      check(3, {
        names: [
          { network: 'shop', gateway: '10.1.0.1', transport: 'udp', trouble: 'no answer' },
          { network: 'shop', gateway: '10.1.0.1', transport: 'tcp', trouble: '' },
        ],
      }),
    ]).map((each) => [each.from, each.check, each.says]);
    expect(says).toEqual([
      [
        'h1',
        'agent',
        'h1 could not be checked: the node is not connected to the manager. Look whether the host is up and its agent runs',
      ],
      ['h2', 'agent', 'h2 reports: nft is missing'],
      ['h2', 'rules', expect.stringContaining('routes and rules of h2 were not what they should be')],
      [
        'h3',
        'dns',
        expect.stringContaining(
          'network shop on h3 get no names over UDP: the DNS server at 10.1.0.1 failed (no answer)',
        ),
      ],
    ]);
  });
});

describe('a way', () => {
  const lost = { answered: false };

  it('is blocked in the direction in which requests get lost', () => {
    const found = trouble(
      [check(2, { ways: [way(3, lost)] }), check(3, { ways: [way(2, lost)] })],
      [heard(3, {}), heard(2, { small: ['n3'] })],
    );
    expect(found).toEqual([
      {
        from: 'h2',
        to: 'h3',
        check: 'path',
        ok: false,
        says: "h2 can't reach h3 inside the overlay: UDP port 4789 from 10.0.0.2 to 10.0.0.3 seems to be blocked; open it in the firewall between them",
      },
    ]);
  });

  it('to a host that can not tell is left open', () => {
    expect(trouble([check(2, { ways: [way(3, lost)] })])[0]?.says).toBe(
      "h2 gets no answer from h3 inside the overlay, and h3 can't say whether it was asked: either it is down, or UDP port 4789 between 10.0.0.2 and 10.0.0.3 is blocked (with conntrack on h3 the direction could be told)",
    );
  });

  it('that carries no large packets names sizes', () => {
    const ways = [way(3), way(3, { ...lost, size: 1450 })];
    const found = trouble([check(2, { ways })], [heard(3, { small: ['n2'] })]);
    expect(found).toMatchObject([{ from: 'h2', to: 'h3', check: 'mtu' }]);
    expect(found[0]?.says).toContain("packets of 1450 bytes don't arrive");
    expect(found[0]?.says).toContain('less than the 1500 bytes');
    expect(trouble([check(2, { ways })], [heard(3, { small: ['n2'], full: ['n2'] })])).toEqual([]);
    const encrypted = ways.map((each) => ({ ...each, encrypted: true, size: each.size && 1440 }));
    expect(trouble([check(2, { ways: encrypted })])[0]?.says).toContain('less than the 1500 bytes');
  });

  it('of encrypted networks, and one that could not be tried', () => {
    expect(trouble([check(2, { ways: [way(3, { ...lost, encrypted: true })] })])[0]?.says).toContain(
      'UDP port 51823 between 10.0.0.2 and 10.0.0.3',
    );
    const unable = way(3, { ...lost, trouble: 'ping is not installed (Debian package iputils-ping)' });
    expect(trouble([check(2, { ways: [unable] })])[0]?.says).toBe(
      'the way from h2 to h3 inside the overlay could not be checked: ping is not installed (Debian package iputils-ping)',
    );
  });
});

describe('what users do', () => {
  const tried = (to: number | undefined, by: string, failures: string[] = [], failed = failures.length) => ({
    nodeId: to === undefined ? '' : `n${to}`,
    by,
    tried: 6,
    failed,
    failures,
  });

  it('is said where it works, and where there was nothing to try', () => {
    const all = diagnose({
      hosts: [host(1), host(2), host(3)],
      answers: [
        check(1, {
          reach: [tried(2, 'address'), tried(2, 'name'), tried(undefined, 'vip'), tried(1, 'port')],
          untried: 7,
        }),
        check(2),
      ],
      heard: [],
    });
    expect(all.every(({ ok }) => ok)).toBe(true);
    expect(all.slice(6).map(({ from, to, check: what, says }) => [from, to, what, says])).toEqual([
      ['h1', 'h2', 'address', 'h1 reaches 6 container addresses of h2'],
      ['h1', undefined, 'address', expect.stringMatching(/^7 further .* not tried from h1/)],
      ['h2', undefined, 'address', expect.stringMatching(/^nothing could be tried from h2/)],
      ['h1', 'h2', 'name', 'containers on h1 find 6 container names of h2'],
      ['h1', undefined, 'vip', 'containers on h1 reach 6 VIPs of services'],
      ['h1', 'h1', 'port', 'h1 is answered on 6 published ports of h1'],
      ['h2', undefined, 'port', expect.stringMatching(/^no published port could be tried from h2/)],
    ]);
  });

  it('that fails is named with the containers, and with its cause where that is known', () => {
    const dead = 'web.2 (10.1.2.3) on network shop: no answer';
    const found = trouble([
      check(1, { ways: [way(2)], reach: [tried(2, 'address', [dead], 3), tried(undefined, 'vip', ['web'])] }),
      check(2, { ways: [way(3, { answered: false })], reach: [tried(3, 'port', ['port 80'])] }),
      check(3, { reach: [tried(2, 'address', [dead])] }),
    ]);
    expect(found.map(({ from, to, check: what }) => [from, to, what])).toEqual([
      ['h2', 'h3', 'path'],
      ['h1', 'h2', 'address'],
      ['h3', 'h2', 'address'],
      ['h1', undefined, 'vip'],
      ['h2', 'h3', 'port'],
    ]);
    expect(found[1]?.says).toMatch(
      /^h1 can't reach 3 of 6 container addresses of h2: web\.2 \(10\.1\.2\.3\) on network shop: no answer; and 2 more\. .* rules that are not Shoal's/,
    );
    for (const broken of [found[2], found[4]]) expect(broken?.says).toMatch(/is broken, see there$/);
  });

  it('that can not be tried for want of a tool is trouble, and not taken for nothing to try', () => {
    const found = trouble([check(1, { reachTrouble: 'nsenter could not run: ENOENT', untried: 3 })]);
    expect(found.map(({ check: what, says }) => [what, says])).toEqual([
      [
        'address',
        expect.stringMatching(
          /^nothing could be tried from inside .* h1: nsenter could not run.* Look whether/,
        ),
      ],
    ]);
    const silent = 'the Docker daemon did not say in time';
    expect(trouble([check(1, { reachTrouble: silent })])[0]?.says).toMatch(new RegExp(`${silent}$`));
  });

  it('of hosts that left, or in ways that are not known here, is left out', () => {
    const reach = [tried(9, 'address', ['x']), tried(2, 'smoke', ['x'])];
    expect(trouble([check(1, { reach })])).toEqual([]);
  });
});
