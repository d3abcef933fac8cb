import { NodeFacts, protocolVersion } from '@shoal/proto';
import { describe, expect, it } from 'vitest';
import { createIngress } from '../allocator/network.ts';
import { ingressId, isReady, type Network } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { reportedOf } from './from-proto.ts';
import { JoinRefused } from './identity.ts';
import { greet, join } from './join.ts';

const said = (facts: NodeFacts) => ({ protocol: protocolVersion, facts });

it('asked for again with the same key is the same node; with another key, or once removed, another one', async () => {
  const store = await TestStore.open(memoryBackend(), () => 0);
  let ids = 0;
  const joins = (keyHash: string) =>
    store.update((tx) =>
      join(tx, said(NodeFacts.fromPartial({ hostname: 'n1' })), keyHash, 'root', () => `n${++ids}`),
    );
  expect((await joins('k1')).ID).toBe('n1');
  expect((await joins('k1')).ID).toBe('n1');
  expect((await joins('k2')).ID).toBe('n2');
  await store.update((tx) => tx.nodes.remove('n1'));
  expect((await joins('k1')).ID).toBe('n3');
  expect([...store.view.nodes.all()].map(({ ID, allotted }) => [ID, allotted.number])).toEqual([
    ['n2', 2],
    ['n3', 1],
  ]);
});

it('is written once for a host that joins and greets with nothing new to say', async () => {
  const store = await TestStore.open(memoryBackend(), () => 0);
  const facts = NodeFacts.fromPartial({ hostname: 'n1', address: '10.0.0.1' });
  const { ID } = await store.update((tx) => join(tx, said(facts), 'key', 'root', () => 'n1'));
  const joined = store.view.nodes.get(ID);
  const peer = { id: ID, role: 'worker', clusterId: 'c', signedBy: 'root', expiresAt: 1 } as const;
  await store.update((tx) => greet(tx, peer, said(facts)));
  expect(store.view.nodes.get(ID)).toBe(joined);
  expect(joined?.reported.protocol).toBe(protocolVersion);
});

it('what a host is short of is reported until its agent says nothing of it any more', () => {
  const pressures = [{ kind: 'memory', message: 'short of memory: 1 MiB available of 2 GiB' }];
  expect(reportedOf(NodeFacts.fromPartial({ pressures }), protocolVersion).pressures).toEqual(pressures);
  expect(reportedOf(NodeFacts.fromPartial({}), protocolVersion)).not.toHaveProperty('pressures');
});

it('what listens on a host is reported until its agent says nothing of it any more', () => {
  const sshd = { protocol: 'tcp', port: 22, process: 'sshd', pid: 812, serviceId: '' };
  const unseen = { protocol: 'udp', port: 4789, process: '', pid: 0, serviceId: '' };
  const ours = { protocol: 'tcp', port: 90, process: 'web', pid: 40, serviceId: 's1' };
  const resolver = { protocol: 'udp', port: 53, process: "the host's resolver", pid: 0, serviceId: '' };
  const listeners = [sshd, unseen, ours, resolver];
  const told = reportedOf(NodeFacts.fromPartial({ listeners }), protocolVersion);
  expect(told.listeners).toEqual([
    { protocol: 'tcp', port: 22, process: 'sshd', pid: 812 },
    { protocol: 'udp', port: 4789 },
    { protocol: 'tcp', port: 90, process: 'web', pid: 40, serviceId: 's1' },
    { protocol: 'udp', port: 53, process: "the host's resolver" },
  ]);
  expect(reportedOf(NodeFacts.fromPartial({}), protocolVersion)).not.toHaveProperty('listeners');
});

describe('a host whose own network is that of a network of the cluster', () => {
  const facts = (address: string, subnets: readonly string[] = []): NodeFacts =>
    NodeFacts.fromPartial({ address, underlay: { addresses: [address], subnets: [...subnets] } });
  /** With the ingress network and a network `shop`. */
  async function aCluster(shop: Partial<Network['shoal']>) {
    const store = await TestStore.open(memoryBackend(), Date.now);
    await store.update((tx) => {
      createIngress(tx);
      const shoal = { number: 2, subnets: ['10.7.0.0/20'], slices: [], grows: true, ...shop };
      tx.networks.create({ ID: 'shop', Spec: { Name: 'shop', Driver: 'overlay' }, shoal });
    });
    let ids = 0;
    const nextId = () => `${++ids}`;
    return {
      store,
      come: (facts: NodeFacts) =>
        store.update((tx) => join(tx, said(facts), `key ${ids + 1}`, 'root', nextId)),
      /** The agent of a node that has joined connects. */
      connect: (said: NodeFacts, id: string) =>
        store.update((tx) => {
          const peer = { id, role: 'worker', clusterId: 'c', signedBy: 'root', expiresAt: 0 } as const;
          return greet(tx, peer, { protocol: protocolVersion, facts: said });
        }),
      subnets: (id: string) => store.view.networks.get(id)?.shoal.subnets,
    };
  }

  it('joins, and networks that nobody uses yet make way: also the one that published ports travel on', async () => {
    const { come, subnets } = await aCluster({});
    expect(subnets(ingressId)).toEqual(['10.0.0.0/20']);
    await come(facts('10.0.0.5', ['10.0.0.5/24']));
    expect(subnets(ingressId)).toEqual(['10.1.0.0/20']);
    expect(subnets('shop')).toEqual(['10.7.0.0/20']);
    // Not all of a very large link: nothing would be left for networks.
    await come(facts('10.200.0.5', ['10.200.0.5/8']));
    expect(subnets('shop')).toEqual(['10.7.0.0/20']);
    await come(facts('192.0.2.7', ['10.7.1.1/25']));
    expect(subnets('shop')).not.toEqual(['10.7.0.0/20']);
  });

  it('is refused with the reason where the network is in use, or has the subnet that people gave it', async () => {
    for (const shop of [{ slices: [{ owner: 'n1', cidr: '10.7.0.0/26' }] }, { grows: false }]) {
      const { store, come, subnets } = await aCluster(shop);
      const refused = come(facts('10.7.9.9'));
      await expect(refused).rejects.toThrow(JoinRefused);
      await expect(refused).rejects.toThrow(
        /address 10\.7\.9\.9 of this host lies in network shop \(10\.7\.0\.0\/20\)/,
      );
      expect(store.view.nodes.size).toBe(0);
      expect(subnets('shop')).toEqual(['10.7.0.0/20']);
    }
  });

  it('is refused with an address that hosts have in VXLAN, and let in again where it has been all the time', async () => {
    const { store, come, connect } = await aCluster({ grows: false });
    await expect(come(facts('198.18.0.9'))).rejects.toThrow(/hosts have in VXLAN/);
    const { ID } = await come(facts('192.0.2.9'));
    await store.update((tx) => {
      const node = tx.nodes.get(ID);
      if (node) tx.nodes.update({ ...node, reported: { ...node.reported, address: '10.7.9.9' } });
    });
    expect(isReady(await connect(facts('10.7.9.9'), ID))).toBe(true);
    await expect(connect(facts('10.7.9.8'), ID)).rejects.toThrow(/lies in network shop/);
  });

  it('gets no part of a network that covers its manager, resolver or gateway, until it needs them no more', async () => {
    const { store, come, connect } = await aCluster({ grows: false });
    const needing = (...addresses: string[]) =>
      NodeFacts.fromPartial({
        hostname: 'h4',
        address: '192.0.2.9',
        underlay: { addresses, subnets: [] },
      });
    const { allotted, ...node } = await come(needing('192.0.2.9', '10.7.0.1'));
    expect(isReady(node)).toBe(true);
    const why = 'network shop (10.7.0.0/20) covers 10.7.0.1, which node h4 needs';
    expect(allotted.closedTo).toEqual([{ networkId: 'shop', why }]);
    // What changed since says nothing about that.
    expect((await connect(needing('192.0.2.9', '10.7.0.1'), node.ID)).allotted.closedTo).toHaveLength(1);
    await connect(needing('192.0.2.9'), node.ID);
    expect([...store.view.nodes.all()].map((node) => node.allotted.closedTo)).toEqual([undefined]);
  });

  it("keeps Docker's default bridge: unused networks make way, of one in use it gets no part", async () => {
    const { store, come, connect, subnets } = await aCluster({ grows: false });
    const bridged = (defaultBridge: string) =>
      NodeFacts.fromPartial({
        hostname: 'h4',
        address: '192.0.2.9',
        underlay: { addresses: ['192.0.2.9'], subnets: [], defaultBridge },
      });
    const { ID } = await come(bridged('10.0.0.1/16'));
    expect(isReady(store.view.nodes.get(ID))).toBe(true);
    expect(subnets(ingressId)).toEqual(['10.1.0.0/20']);
    const { allotted, ...node } = await connect(bridged('10.7.1.1/24'), ID);
    expect(isReady(node)).toBe(true);
    const why = "network shop (10.7.0.0/20) covers Docker's default bridge on node h4 (10.7.1.0/24)";
    expect(allotted.closedTo).toEqual([{ networkId: 'shop', why }]);
    await connect(bridged(''), ID);
    expect([...store.view.nodes.all()].map((node) => node.allotted.closedTo)).toEqual([undefined]);
  });

  it('is not kept out of a network in use for another link of its own', async () => {
    const { come, subnets } = await aCluster({ grows: false });
    const { allotted, ...node } = await come(facts('192.0.2.9', ['192.0.2.9/24', '10.7.3.0/24']));
    expect([isReady(node), allotted.closedTo, subnets('shop')]).toEqual([true, undefined, ['10.7.0.0/20']]);
  });

  it('says nothing that can not be read', async () => {
    const { come } = await aCluster({});
    const node = await come(facts('192.0.2.9', ['192.0.2.9/24', 'fe80::1/64', '1.2.3.4/99', 'x']));
    expect(node.reported.underlay).toEqual({ addresses: ['192.0.2.9'], subnets: ['192.0.2.0/24'] });
  });
});
