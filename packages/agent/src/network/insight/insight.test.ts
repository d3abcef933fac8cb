import { describe, expect, it } from 'vitest';
import { parseQuery } from '../dns/query.ts';
import { endpoint, network, peer, service, state } from '../state/builders.fixture.ts';
import { ingressName, type ServiceEndpoints } from '../state/state.ts';
import { answersIn } from './attempt.ts';
import { parseEchoSources } from './heard.ts';
import { question } from './own-names.ts';
import { checkReach, summed } from './reach.ts';
import { stillThere, type Target, targetsOf } from './targets.ts';
import { waysTo } from './ways.ts';

it('requests of one probe are told from all others', () => {
  const entry = (source: string, id: number) =>
    `icmp     1 29 src=${source} dst=198.18.0.3 type=8 code=0 id=${id} src=198.18.0.3 dst=${source} type=0 code=0 id=${id} mark=0 use=1`;
  const listed = [entry('198.18.0.1', 7), entry('198.18.0.2', 8), entry('198.18.0.4', 7), ''].join('\n');
  expect(parseEchoSources(listed, 7)).toEqual(['198.18.0.1', '198.18.0.4']);
});

it('a question is one that the DNS server understands', () => {
  expect(parseQuery(question('tasks.shop_web'))).toMatchObject({
    kind: 'query',
    query: { name: 'tasks.shop_web', type: 1, class: 1 },
  });
});

describe('ways to a host', () => {
  const ways = (of: ReturnType<typeof network>[], to = peer(2, { key: 'k' })) =>
    waysTo(state({ networks: of }), to).map(({ encrypted, mtuOf }) => [encrypted, mtuOf(1500)]);

  it('are checked with the largest packets of the networks that use them', () => {
    expect(ways([network(1), network(2, { mtu: 1200 })])).toEqual([[false, 1450]]);
    expect(ways([network(1, { mtu: 1200 }), network(2, { encrypted: true })])).toEqual([
      [false, 1200],
      [true, 1440],
    ]);
  });

  it('lead through WireGuard only where both hosts use it', () => {
    const encrypted = network(2, {
      encrypted: true,
      peerSlices: [{ nodeId: 'node3', slices: ['10.2.3.0/24'] }],
    });
    expect(ways([network(1), encrypted])).toEqual([[false, 1450]]);
    expect(ways([network(1), network(2, { encrypted: true })], peer(2))).toEqual([[false, 1450]]);
  });
});

describe('what users do', () => {
  const on = (slot: number, host: number) =>
    endpoint('web', slot, { net1: `10.1.${host}.${slot}`, net9: `10.9.${host}.${slot}` }, `node${host}`);
  const web = service('web', {
    attachments: [{ networkId: 'net1', vip: '10.1.0.5', aliases: ['www'] }],
    endpoints: [on(1, 1), on(2, 2), on(3, 2), on(4, 3)],
    published: [
      { protocol: 'udp', published: 53, target: 53 },
      { protocol: 'tcp', published: 80, target: 8080 },
    ],
  });
  const ingress = network(9, { name: ingressName });
  const here = state({ networks: [network(1), ingress], services: [web] });
  const shown = ({ from, nodeId, by, attempt }: Target) =>
    [from ?? 'host', nodeId, by, 'name' in attempt ? attempt.name : attempt.address].join(' ');

  const all = new Set(['net1', 'net2']);

  it('is tried towards all hosts asked for, each of them once before any twice', () => {
    const { targets, left } = targetsOf(here, ['node2', 'node3'], all);
    expect(targets.map(shown)).toEqual([
      'net1 node2 address 10.1.2.2',
      'net1 node2 name web.2',
      'net1 node3 address 10.1.3.4',
      'net1 node3 name web.4',
      'net1  name web',
      'net1  vip 10.1.0.5',
      'host node2 address 10.9.2.2',
      'host node3 address 10.9.3.4',
      'host node1 port 192.0.2.1',
      'host node2 port 192.0.2.2',
      'host node3 port 192.0.2.3',
      'net1 node2 address 10.1.2.3',
      'net1 node2 name web.3',
      'host node2 address 10.9.2.3',
    ]);
    expect(left).toBe(0);
    const few = targetsOf(here, ['node3'], all).targets.map(({ nodeId }) => nodeId);
    expect(new Set(few)).toEqual(new Set(['node1', 'node3', '']));
  });

  it('is tried from the host itself in time, also where the daemon names no container', async () => {
    const local = {
      ...web,
      endpoints: [endpoint('web', 1, { net1: '127.0.0.2', net9: '127.0.0.3' }, 'node2')],
    };
    const look = state({
      self: peer(1, { address: '127.0.0.1' }),
      networks: [network(1), ingress],
      services: [local],
    });
    const reach = await checkReach({
      state: () => look,
      query: { probe: 7, nodeIds: [] },
      processOn: () => Promise.withResolvers<undefined>().promise,
    });
    expect(reach.trouble).toMatch(/Docker daemon/);
    expect(reach.checks).toMatchObject([{ by: 'port', tried: 1, failed: 0 }]);
  });

  it('has nothing to try without tasks, containers and networks here, or published ports', () => {
    const tried = (services: ServiceEndpoints[], networks = [network(1), ingress], from = all) =>
      targetsOf(state({ networks, services }), ['node2', 'node3'], from).targets;
    expect(tried([{ ...web, endpoints: [] }])).toEqual([]);
    expect(tried([web], [network(1, { slices: [] })])).toEqual([]);
    expect(tried([web], [network(1)], new Set())).toEqual([]);
    expect(tried([{ ...web, published: [] }]).filter(({ from }) => from === undefined)).toEqual([]);
  });

  it('may lead by name to whatever else bears the name', () => {
    const other = service('db', {
      mode: 'dnsrr',
      attachments: [{ networkId: 'net2', vip: '', aliases: ['web'] }],
      endpoints: [endpoint('db', 1, { net2: '10.2.1.1' })],
    });
    const both = state({ networks: [network(1)], services: [web, other] });
    const byName = targetsOf(both, [], all).targets.find(({ by }) => by === 'name');
    expect(byName?.attempt).toMatchObject({ addresses: expect.arrayContaining(['10.1.0.5', '10.2.1.1']) });
  });

  it('is bounded in a large network, whose hosts all have their turn', () => {
    const endpoints = Array.from({ length: 400 }, (_, slot) => on(slot, 2 + (slot % 2)));
    const crowd = state({ networks: [network(1), ingress], services: [{ ...web, endpoints }] });
    const { targets, left } = targetsOf(crowd, ['node2', 'node3'], all);
    expect([targets.length, left]).toEqual([2 * 3 * 32 + 5, 2 * 3 * (200 - 32)]);
    expect(targets.slice(0, 11).filter(({ nodeId }) => nodeId === 'node3')).toHaveLength(4);
  });

  it('counts only as long as it is there', () => {
    const { targets } = targetsOf(here, ['node2'], all);
    const lost = (services: ServiceEndpoints[]) =>
      targets.filter((target) => !stillThere(state({ services }))(target));
    expect(lost([web])).toEqual([]);
    expect(lost([])).toEqual(targets);
    const fewer = lost([{ ...web, endpoints: [on(1, 1), on(2, 2)] }]);
    expect(fewer.map(shown)).toEqual([
      'net1 node2 address 10.1.2.3',
      'net1 node2 name web.3',
      'host node2 address 10.9.2.3',
    ]);
  });

  it('is summed up by host and kind, with the first that failed', () => {
    const targets = targetsOf(here, ['node2', 'node3'], all).targets.filter(({ by }) => by === 'address');
    const outcomes = ['', 'no answer', 'no answer', undefined];
    expect(summed(targets.map((target, index) => ({ target, outcome: outcomes[index] })))).toEqual([
      {
        nodeId: 'node2',
        by: 'address',
        tried: 2,
        failed: 1,
        failures: ['web.2 (10.9.2.2) behind published ports: no answer'],
      },
      {
        nodeId: 'node3',
        by: 'address',
        tried: 1,
        failed: 1,
        failures: ['web.4 (10.1.3.4) on network net-1: no answer'],
      },
    ]);
  });
});

it('addresses are read out of any answer', () => {
  const query = question('web');
  const head = Buffer.from(query);
  head.writeUInt16BE(3, 6);
  const record = (type: number, data: number[], name = [0xc0, 12]) =>
    Buffer.from([...name, 0, type, 0, 1, 0, 0, 0, 5, 0, data.length, ...data]);
  const records = [
    record(5, [0xc0, 12]),
    record(1, [10, 1, 0, 5]),
    record(1, [10, 1, 0, 6], [3, 119, 101, 98, 0]),
  ];
  expect(answersIn(Buffer.concat([head, ...records]), query.length)).toEqual(['10.1.0.5', '10.1.0.6']);
  expect(answersIn(Buffer.concat([head, ...records]).subarray(0, 40), query.length)).toEqual([]);
  expect(answersIn(head, query.length)).toEqual([]);
});
