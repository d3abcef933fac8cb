import { Hello, NodeFacts, protocolVersion } from '@shoal/proto';
import { describe, expect, it } from 'vitest';
import { createIngress } from '../allocator/plan.ts';
import { sawSpec } from '../model/common.ts';
import { ingressId, type Network } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { Store } from '../store/index.ts';
import { aNode } from '../testing.ts';
import { JoinRefused, join, withFacts } from './join.ts';

const context = { clock: () => 0, managerAddr: '' };

it('what an agent says of its node does not let a change through that was made from an old look at it', () => {
  const drained = aNode('n1', { Version: { Index: 8 }, shoal: { number: 1, images: [], replacedIndex: 7 } });
  const told = withFacts(drained, NodeFacts.fromPartial({ hostname: 'n1' }), context);
  expect(sawSpec(7, told)).toBe(false);
});

it('a node that was removed and joins again under its id is another one for who read it before', async () => {
  const store = await Store.open(memoryBackend(), context.clock);
  await store.update((tx) =>
    tx.clusters.create({
      ID: 'c',
      JoinTokens: { Worker: 'token', Manager: '' },
      TaskHistoryRetentionLimit: 5,
    }),
  );
  const hello = (nodeId: string) =>
    Hello.fromPartial({
      protocol: protocolVersion,
      joinToken: 'token',
      nodeId,
      facts: { hostname: 'n1' },
    });
  const joins = (nodeId: string) =>
    store.update((tx) => join(tx, hello(nodeId), { ...context, ids: () => 'a'.repeat(25) }));
  const first = await joins('');
  const heardAgain = await joins(first.ID);
  expect(sawSpec(first.Version.Index, heardAgain)).toBe(true);
  await store.update((tx) => tx.nodes.remove(first.ID));
  const second = await joins(first.ID);
  expect(second.ID).toBe(first.ID);
  expect(sawSpec(heardAgain.Version.Index, second)).toBe(false);
  expect(sawSpec(second.Version.Index, second)).toBe(true);
});

it('the manager is shown at an address that others can reach', () => {
  const facts = NodeFacts.fromPartial({ hostname: 'n1', address: '192.0.2.1', runsManager: true });
  const told = withFacts(aNode('n1'), facts, { ...context, managerAddr: '0.0.0.0:2480' });
  expect(told.ManagerStatus?.Addr).toBe('192.0.2.1:2480');
});

it('what a host is short of stands at its node until its agent says nothing of it any more', () => {
  const pressures = [{ kind: 'memory', message: 'short of memory: 1 MiB available of 2 GiB' }];
  const told = withFacts(aNode('n1'), NodeFacts.fromPartial({ hostname: 'n1', pressures }), context);
  expect([told.Status.State, told.shoal.pressures]).toEqual(['ready', pressures]);
  const eased = withFacts(told, NodeFacts.fromPartial({ hostname: 'n1' }), context);
  expect(eased.shoal.pressures).toBeUndefined();
});

it('what listens on a host stands at its node until its agent says nothing of it any more', () => {
  const sshd = { protocol: 'tcp', port: 22, process: 'sshd', pid: 812, serviceId: '' };
  const unseen = { protocol: 'udp', port: 4789, process: '', pid: 0, serviceId: '' };
  const ours = { protocol: 'tcp', port: 90, process: 'web', pid: 40, serviceId: 's1' };
  const resolver = { protocol: 'udp', port: 53, process: "the host's resolver", pid: 0, serviceId: '' };
  const listeners = [sshd, unseen, ours, resolver];
  const told = withFacts(aNode('n1'), NodeFacts.fromPartial({ hostname: 'n1', listeners }), context);
  expect(told.shoal.listeners).toEqual([
    { protocol: 'tcp', port: 22, process: 'sshd', pid: 812 },
    { protocol: 'udp', port: 4789 },
    { protocol: 'tcp', port: 90, process: 'web', pid: 40, serviceId: 's1' },
    { protocol: 'udp', port: 53, process: "the host's resolver" },
  ]);
  const quiet = withFacts(told, NodeFacts.fromPartial({ hostname: 'n1' }), context);
  expect(quiet.shoal.listeners).toBeUndefined();
});

describe('a host whose own network is that of a network of the cluster', () => {
  const hello = (address: string, subnets: readonly string[] = [], nodeId = ''): Hello => ({
    protocol: protocolVersion,
    joinToken: 'w',
    nodeId,
    facts: NodeFacts.fromPartial({ address, underlay: { addresses: [address], subnets: [...subnets] } }),
  });
  /** With the ingress network and a network `shop`. */
  async function aCluster(shop: Partial<Network['shoal']>) {
    const store = await Store.open(memoryBackend(), Date.now);
    await store.update((tx) => {
      tx.clusters.create({
        ID: 'c',
        JoinTokens: { Worker: 'w', Manager: 'm' },
        TaskHistoryRetentionLimit: 5,
      });
      createIngress(tx);
      const shoal = { number: 2, subnets: ['10.7.0.0/20'], slices: [], grows: true, ...shop };
      tx.networks.create({ ID: 'shop', Spec: { Name: 'shop', Driver: 'overlay' }, shoal });
    });
    let ids = 0;
    const context = { clock: () => 0, managerAddr: '', ids: () => `${++ids}`.padStart(25, 'n') };
    return {
      store,
      come: (said: Hello) => store.update((tx) => join(tx, said, context)),
      subnets: (id: string) => store.view.networks.get(id)?.shoal.subnets,
    };
  }

  it('joins, and networks that nobody uses yet make way: also the one that published ports travel on', async () => {
    const { come, subnets } = await aCluster({});
    expect(subnets(ingressId)).toEqual(['10.0.0.0/20']);
    await come(hello('10.0.0.5', ['10.0.0.5/24']));
    expect(subnets(ingressId)).toEqual(['10.1.0.0/20']);
    expect(subnets('shop')).toEqual(['10.7.0.0/20']);
    // Not all of a very large link: nothing would be left for networks.
    await come(hello('10.200.0.5', ['10.200.0.5/8']));
    expect(subnets('shop')).toEqual(['10.7.0.0/20']);
    await come(hello('192.0.2.7', ['10.7.1.1/25']));
    expect(subnets('shop')).not.toEqual(['10.7.0.0/20']);
  });

  it('is refused with the reason where the network is in use, or has the subnet that people gave it', async () => {
    for (const shop of [{ slices: [{ owner: 'n1', cidr: '10.7.0.0/26' }] }, { grows: false }]) {
      const { store, come, subnets } = await aCluster(shop);
      const refused = come(hello('10.7.9.9'));
      await expect(refused).rejects.toThrow(JoinRefused);
      await expect(refused).rejects.toThrow(
        /address 10\.7\.9\.9 of this host lies in network shop \(10\.7\.0\.0\/20\)/,
      );
      expect(store.view.nodes.size).toBe(0);
      expect(subnets('shop')).toEqual(['10.7.0.0/20']);
    }
  });

  it("is refused with an address of the tunnels', and let in again where it has been all the time", async () => {
    const { store, come } = await aCluster({ grows: false });
    await expect(come(hello('198.18.0.9'))).rejects.toThrow(/tunnels between hosts/);
    const { ID } = await come(hello('192.0.2.9'));
    await store.update((tx) => {
      const node = tx.nodes.get(ID);
      if (node) tx.nodes.update({ ...node, Status: { ...node.Status, Addr: '10.7.9.9' } });
    });
    expect((await come(hello('10.7.9.9', [], ID))).Status.State).toBe('ready');
    await expect(come(hello('10.7.9.8', [], ID))).rejects.toThrow(/lies in network shop/);
  });

  it('gets no part of a network that covers its manager, resolver or gateway, until it needs them no more', async () => {
    const { store, come } = await aCluster({ grows: false });
    const needing = (...addresses: string[]): Hello => ({
      ...hello('192.0.2.9', [], 'n'.repeat(25)),
      facts: NodeFacts.fromPartial({
        hostname: 'h4',
        address: '192.0.2.9',
        underlay: { addresses, subnets: [] },
      }),
    });
    const { shoal, Status } = await come(needing('192.0.2.9', '10.7.0.1'));
    expect(Status.State).toBe('ready');
    const why = 'network shop (10.7.0.0/20) covers 10.7.0.1, which node h4 needs';
    expect(shoal.closedTo).toEqual([{ networkId: 'shop', why }]);
    // What changed since says nothing about that.
    expect((await come(needing('192.0.2.9', '10.7.0.1'))).shoal.closedTo).toHaveLength(1);
    await come(needing('192.0.2.9'));
    expect([...store.view.nodes.all()].map((node) => node.shoal.closedTo)).toEqual([undefined]);
  });

  it("keeps Docker's default bridge: unused networks make way, of one in use it gets no part", async () => {
    const { store, come, subnets } = await aCluster({ grows: false });
    const bridged = (defaultBridge: string): Hello => ({
      ...hello('192.0.2.9', [], 'n'.repeat(25)),
      facts: NodeFacts.fromPartial({
        hostname: 'h4',
        address: '192.0.2.9',
        underlay: { addresses: ['192.0.2.9'], subnets: [], defaultBridge },
      }),
    });
    expect((await come(bridged('10.0.0.1/16'))).Status.State).toBe('ready');
    expect(subnets(ingressId)).toEqual(['10.1.0.0/20']);
    const { shoal, Status } = await come(bridged('10.7.1.1/24'));
    expect(Status.State).toBe('ready');
    const why = "network shop (10.7.0.0/20) covers Docker's default bridge on node h4 (10.7.1.0/24)";
    expect(shoal.closedTo).toEqual([{ networkId: 'shop', why }]);
    await come(bridged(''));
    expect([...store.view.nodes.all()].map((node) => node.shoal.closedTo)).toEqual([undefined]);
  });

  it('is not kept out of a network in use for another link of its own', async () => {
    const { come, subnets } = await aCluster({ grows: false });
    const { shoal, Status } = await come(hello('192.0.2.9', ['192.0.2.9/24', '10.7.3.0/24']));
    expect([Status.State, shoal.closedTo, subnets('shop')]).toEqual(['ready', undefined, ['10.7.0.0/20']]);
  });

  it('says nothing that can not be read', async () => {
    const { come } = await aCluster({});
    const node = await come(hello('192.0.2.9', ['192.0.2.9/24', 'fe80::1/64', '1.2.3.4/99', 'x']));
    expect(node.shoal.underlay).toEqual({ addresses: ['192.0.2.9'], subnets: ['192.0.2.0/24'] });
  });
});
