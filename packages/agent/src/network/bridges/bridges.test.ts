import { describe, expect, it } from 'vitest';
import { goneAddresses } from '../flows/stale-flows.ts';
import { ipHint, ipReader, nftHint, nftReader } from '../kernel/watch.ts';
import { misplaced, places } from '../nft/docker-rules.ts';
import { type BridgePlan, bridgesOf } from '../state/bridge-plan.ts';
import { endpoint, network, service, state } from '../state/builders.fixture.ts';
import { ingressName } from '../state/state.ts';
import { type DockerBridge, diffBridges } from './bridges.ts';
import { daemonSupport } from './docker-support.ts';
import { bridgeOptions } from './options.ts';

describe('bridges', () => {
  it('hold a subnet each; the first slice is where Docker takes addresses from', () => {
    const grown = network(7, {
      subnets: ['10.7.0.0/16', '10.8.0.0/16'],
      slices: ['10.7.1.0/24', '10.8.1.0/24', '10.7.9.0/24'],
    });
    expect(bridgesOf(grown, 1450)).toMatchInlineSnapshot(`
      [
        {
          "bridge": "sh.n7",
          "gateway": "10.7.1.1",
          "mtu": 1450,
          "name": "shoal.1.net-7.7",
          "networkId": "net7",
          "range": "10.7.1.0/24",
          "subnet": "10.7.0.0/16",
        },
        {
          "bridge": "sh.n7.1",
          "gateway": "10.8.1.1",
          "mtu": 1450,
          "name": "shoal.1.net-7.7.1",
          "networkId": "net7",
          "range": "10.8.1.0/24",
          "subnet": "10.8.0.0/16",
        },
      ]
    `);
    expect(bridgesOf(network(7, { slices: [] }))).toEqual([]);
  });

  it('sort by who shall give the default gateway', () => {
    const names = [network(1, { internal: true }), network(2), network(3, { name: ingressName })].flatMap(
      (each) => bridgesOf(each).map(({ name }) => name),
    );
    expect(names.sort()).toEqual(['shoal.0.ingress.3', 'shoal.1.net-2.2', 'shoal.2.net-1.1']);
  });

  const planOf = (number: number) => {
    const [plan] = bridgesOf(network(number), 1450);
    if (!plan) throw new Error('no plan');
    return plan;
  };
  const made = (plan: BridgePlan, change: Partial<DockerBridge> = {}): DockerBridge => ({
    ...plan,
    options: bridgeOptions(plan, {}),
    internal: false,
    ...change,
  });

  it('are made, kept and removed', () => {
    const [one, two] = [planOf(1), planOf(2)];
    expect(diffBridges([made(one)], [one, two], {})).toEqual({ stale: [], outdated: [], missing: [two] });
    const other = made(two, { range: '10.2.7.0/24' });
    const strange = made(two, { networkId: 'another' });
    for (const found of [other, strange])
      expect(diffBridges([made(one), found], [two], {})).toEqual({
        stale: [made(one), found],
        outdated: [],
        missing: [two],
      });
  });

  const unprotected = { 'com.docker.network.bridge.gateway_mode_ipv4': 'nat-unprotected' };
  const mtu = 'com.docker.network.driver.mtu';
  const masquerade = 'com.docker.network.bridge.enable_ip_masquerade';
  it.each([
    [
      'made by an older Docker, under nftables',
      {},
      unprotected,
      /gateway_mode_ipv4= instead of nat-unprotected/,
    ],
    [
      'without an option',
      { options: { [masquerade]: '', [mtu]: '1450' } },
      {},
      /masquerade= instead of false/,
    ],
    ['of another packet size', { options: { [mtu]: '1500' } }, {}, /mtu=1500 instead of 1450/],
    ['shut off by Docker', { internal: true }, {}, /--internal/],
  ])('%s are made anew', (_, { options = {}, ...change }: Partial<DockerBridge>, needed, why) => {
    const plan = planOf(1);
    const found = made(plan, { ...change, options: { ...bridgeOptions(plan, {}), ...options } });
    expect(diffBridges([found], [plan], needed)).toEqual({
      stale: [],
      outdated: [{ found, plan, why: expect.stringMatching(why) }],
      missing: [],
    });
  });

  it('stay with options that decide nothing, or that a newer Docker was given', () => {
    const plan = planOf(1);
    const options = {
      ...bridgeOptions(plan, unprotected),
      'com.docker.network.bridge.host_binding_ipv4': '::',
    };
    expect(diffBridges([made(plan, { options })], [plan], {}).outdated).toEqual([]);
  });
});

describe("rules before Docker's", () => {
  const [user, raw] = places;
  const docker = '-A PREROUTING -d 10.1.1.10/32 ! -i sh.n1 -j DROP';
  const stranger = '-A PREROUTING -d 10.1.1.10/32 -j DROP';
  const ours = '-A PREROUTING -i sh.+ -j ACCEPT';
  it.each([
    [['-P PREROUTING ACCEPT'], ['-i sh.+ -j ACCEPT'], []],
    [[docker], ['-i sh.+ -j ACCEPT'], []],
    [[ours, docker], [], []],
    [[docker, ours], [], ['-i sh.+ -j ACCEPT']],
    [[stranger, ours, docker], [], []],
  ])('%j', (lines, missing, late) =>
    expect(misplaced(`${lines.join('\n')}\n`, raw)).toEqual({ missing, late }),
  );
  it("in DOCKER-USER stand anywhere among people's own", () => {
    const listed =
      '-N DOCKER-USER\n-A DOCKER-USER -s 10.0.0.9/32 -j DROP\n-A DOCKER-USER -i sh.+ -j ACCEPT\n';
    expect(misplaced(listed, user)).toEqual({ missing: ['-o sh.+ -j ACCEPT'], late: [] });
  });
});

describe('Docker daemons', () => {
  const facts = { firewall: '', rootless: false };
  it.each([
    ['20.10.24+dfsg1', '', 0],
    ['27.5.1', '', 0],
    ['28.2.2', 'iptables', 0],
    ['28.5.2', 'iptables+firewalld', 0],
    ['29.1.0', 'nftables', 1],
    ['29.1.0', 'nftables+firewalld', 1],
  ])('%s with %j', (version, firewall, options) => {
    const support = daemonSupport({ ...facts, version, firewall });
    expect([support.trouble, Object.keys(support.options).length]).toEqual(['', options]);
  });

  it.each([
    { ...facts, version: '19.03.15' },
    { ...facts, version: 'dev' },
    { ...facts, version: '28.0.0', rootless: true },
  ])('that can not serve are told so: %j', (daemon) => {
    expect(daemonSupport(daemon).trouble).toMatch(/20\.10|root/);
  });
});

describe('hints', () => {
  it.each([
    ['delete table ip shoal', 'nft'],
    ['add element ip shoal vips { 10.1.0.5 : goto vip-1 }', 'nft'],
    ['delete rule ip filter DOCKER-USER handle 9', 'docker'],
    ['create chain ip filter DOCKER-USER', 'docker'],
    ['delete rule ip raw PREROUTING handle 4', 'docker'],
    [
      'insert rule ip raw PREROUTING iifname != "sh.n1" ip daddr 10.1.1.10 counter packets 0 bytes 0 drop',
      'docker',
    ],
    [
      'add rule ip raw PREROUTING iifname != "sh.n1" ip daddr 10.1.1.10 counter packets 0 bytes 0 drop',
      undefined,
    ],
    ['delete table ip raw', 'docker'],
    ['insert rule ip filter FORWARD counter packets 0 bytes 0 jump DOCKER-USER', undefined],
    ['add rule ip filter DOCKER handle 9', undefined],
    ['# new generation 7 by process 9 (nft)', undefined],
  ])('%j', (line, hint) => expect(nftHint(line)).toBe(hint));

  it('of a transaction come together, when it is over', () => {
    const read = nftReader();
    expect(read('add element ip shoal vips { 10.1.0.5 : goto vip-1 }')).toEqual([]);
    expect(read('delete rule ip shoal from-1 handle 9')).toEqual([]);
    expect(read('# new generation 7 by process 9 (nft)')).toEqual(['nft']);
    expect(read('add rule ip filter DOCKER handle 9')).toEqual([]);
    expect(read('# new generation 8 by process 9 (nft)')).toEqual([]);
  });

  it.each([
    ['Deleted 10.1.2.0/24 via 198.18.0.2 dev sh.vx proto 83 onlink ', 'ip'],
    ['Deleted 7: sh.vx: <BROADCAST,MULTICAST> mtu 1450 qdisc noop state DOWN group default ', 'ip'],
    ['7: sh.vx: <BROADCAST,MULTICAST> mtu 1450 qdisc noqueue state DOWN group default ', 'ip'],
    ['Deleted 7: sh.vx    inet 198.18.0.1/32 scope global sh.vx', 'ip'],
    ['Deleted 9: sh.n1: <BROADCAST> mtu 1450 state DOWN', 'ip'],
    ['Deleted 5202:	from all fwmark 0x53480002 lookup 1397227522 proto 83', 'ip'],
    [
      '9: sh.n1: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1450 qdisc noqueue state DOWN group default ',
      undefined,
    ],
    ['12: veth1a@if11: <BROADCAST,UP> mtu 1450 qdisc noqueue master sh.n1 state UP group default ', 'port'],
    ['10.1.2.0/24 via 198.18.0.2 dev sh.vx proto 83 onlink ', undefined],
    ['Deleted 172.17.0.2 dev docker0 lladdr 02:42:ac:11:00:02 REACHABLE', undefined],
  ])('%j', (line, hint) => expect(ipHint(line)).toBe(hint));
});

it('UDP clients of an endpoint that left are to be forgotten', () => {
  const web = (slots: number[]) =>
    service('web', { endpoints: slots.map((slot) => endpoint('web', slot, { net1: `10.1.1.${slot}` })) });
  const before = state({ services: [web([1, 2, 3])] });
  expect(goneAddresses(before, state({ services: [web([1, 3, 4])] }))).toEqual(['10.1.1.2']);
  expect(goneAddresses(before, state())).toEqual(['10.1.1.1', '10.1.1.2', '10.1.1.3']);
  expect(goneAddresses(undefined, before)).toEqual([]);
});

it('a bridge that the daemon makes anew after a boot deserves a look, once', () => {
  const read = ipReader();
  const line =
    '7: sh.n2: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1450 qdisc noqueue state DOWN group default';
  expect([read(line), read(line)]).toEqual([['ip'], []]);
  expect(read(`Deleted ${line}`)).toEqual(['ip']);
  expect(read(line)).toEqual(['ip']);
  expect(read('9: veth1@if8: <BROADCAST> mtu 1450 master sh.n2 state UP')).toEqual(['port']);
  expect(read('3: eth0: <BROADCAST,UP> mtu 1500 state UP')).toEqual([]);
});
