import { holds, overlaps, parseAddress, parseBlock } from '@shoal/proto/rules';
import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { ingressId, type Network, type ServiceSpec, stateOf, type TaskState } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import type { ReadView } from '../store/index.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService, aTask, withStatus } from '../testing.ts';
import { affected, prepareNetworks, reconcile } from './loop.ts';
import { allocateNetwork } from './network.ts';
import { allocateService } from './service.ts';
import { addressOn, idleMs, waitsFor } from './usage.ts';

const nodes = ['n1', 'n2', 'n3'];
/** One that grows, one that has room for little, one with a range and a gateway of the user's. */
const networks: Record<string, Network['Spec']> = {
  pool: { Name: 'pool', Driver: 'overlay' },
  tiny: { Name: 'tiny', Driver: 'overlay', IPAM: { Config: [{ Subnet: '172.20.0.0/27' }] } },
  own: {
    Name: 'own',
    Driver: 'overlay',
    IPAM: { Config: [{ Subnet: '172.21.0.0/24', IPRange: '172.21.0.0/26', Gateway: '172.21.0.4' }] },
  },
  hosts: { Name: 'hosts', Driver: 'bridge' },
};

const spec = fc.record({
  targets: fc.subarray(Object.keys(networks)),
  published: fc.boolean(),
  dnsrr: fc.boolean(),
});
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('service' as const), of: fc.nat(6), spec }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unserve' as const), of: fc.nat(6) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('tasks' as const),
      of: fc.nat(6),
      node: fc.nat(2),
      count: fc.nat(20),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('end' as const), share: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('forget' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(idleMs) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const toSpec = ({ targets, published, dnsrr }: { targets: string[]; published: boolean; dnsrr: boolean }) =>
  ({
    TaskTemplate: { ContainerSpec: { Image: 'web:1' }, Networks: targets.map((Target) => ({ Target })) },
    EndpointSpec: {
      Mode: dnsrr ? 'dnsrr' : 'vip',
      ...(published && !dnsrr && { Ports: [{ TargetPort: 80 }] }),
    },
  }) satisfies ServiceSpec;

async function aCluster() {
  let now = 1_000_000;
  const store = await TestStore.open(memoryBackend(), () => now);
  await prepareNetworks(store);
  await store.update((tx) => {
    for (const id of nodes) tx.nodes.create(aNode(id, { reported: { address: '10.0.0.1' } }));
    for (const [ID, Spec] of Object.entries(networks)) {
      tx.networks.create({ ID, Spec, shoal: allocateNetwork(tx, Spec) });
    }
  });
  const dirty = new Set<string>();
  let wakeUps = new Map<string, number>();
  store.watch(({ changes }) => {
    for (const change of changes) for (const key of affected(store.view, change)) dirty.add(key);
  });
  const log = pino({ level: 'silent' });
  const runAllocator = async () => {
    for (const [key, at] of wakeUps) if (at <= now) dirty.add(key);
    for (let round = 0; dirty.size > 0; round++) {
      expect(round).toBeLessThan(5);
      const keys = new Set(dirty);
      dirty.clear();
      const woken = await store.update((tx) => reconcile(tx, keys, now, log));
      wakeUps = new Map([...[...wakeUps].filter(([key]) => !keys.has(key)), ...woken]);
    }
  };
  const wait = (ms: number) => {
    now += ms;
  };
  return { store, runAllocator, wait, now: () => now };
}

async function play(
  cluster: Awaited<ReturnType<typeof aCluster>>,
  action: Step,
  number: number,
): Promise<void> {
  const { store, wait, now } = cluster;
  await store.update((tx) => {
    switch (action.do) {
      case 'service': {
        const id = `s${action.of}`;
        const Spec = toSpec(action.spec);
        const present = tx.services.get(id);
        try {
          const allocated = allocateService(tx, id, Spec, present?.shoal ?? {}, now());
          if (present) tx.services.update({ ...present, Spec, shoal: { ...present.shoal, ...allocated } });
          else tx.services.create(aService(id, { Spec, shoal: { specVersion: 1, ...allocated } }));
        } catch (error) {
          expect(String(error)).toContain('no addresses left in network tiny (172.20.0.0/27): create it');
        }
        break;
      }
      case 'unserve':
        tx.services.remove(`s${action.of}`);
        for (const task of tx.tasks.by('service', `s${action.of}`)) tx.tasks.remove(task.ID);
        break;
      case 'tasks': {
        const service = tx.services.get(`s${action.of}`);
        const ids = (service?.shoal.attachments ?? []).map(({ networkId }) => networkId);
        for (let i = 0; service && i < action.count; i++) {
          const ID = `t${number}.${i}`;
          const shoal = { specVersion: 1, ports: [], networks: ids };
          const NodeID = nodes[action.node] ?? '';
          tx.tasks.create(aTask(ID, { ServiceID: service.ID, NodeID, Status: status('assigned'), shoal }));
        }
        break;
      }
      case 'end':
        [...tx.tasks.all()].forEach((task, i) => {
          if (i % action.share === 0) tx.tasks.update(withStatus(task, status('complete')));
        });
        break;
      case 'forget':
        for (const task of tx.tasks.all()) if (stateOf(task) === 'complete') tx.tasks.remove(task.ID);
        break;
      case 'wait':
        wait(action.ms);
    }
  });
}

const status = (State: TaskState) => ({ Timestamp: '', State });

function check(view: ReadView): void {
  const subnets = [...view.networks.all()].flatMap(({ shoal }) => shoal.subnets.map(parseBlock));
  expectApart(subnets);
  for (const network of view.networks.all()) {
    const { slices, subnets: own, reserved = [], ranges = [] } = network.shoal;
    const blocks = slices.map(({ cidr }) => parseBlock(cidr));
    expectApart(blocks);
    const allowed = (ranges.length > 0 ? ranges : own).map(parseBlock);
    for (const { base } of blocks) expect(allowed.some((within) => holds(within, base))).toBe(true);
    const seen = new Set(reserved);
    const expectOwn = (owner: string, text: string) => {
      expect(seen.has(text)).toBe(false);
      seen.add(text);
      const address = parseAddress(text) ?? -1;
      const home = slices.filter((slice) => slice.owner === owner).map(({ cidr }) => parseBlock(cidr));
      const within = home.find((block) => holds(block, address));
      const offset = within ? address - within.base : 0;
      expect(offset > 1 && offset < 2 ** (32 - (within?.prefix ?? 32)) - 1).toBe(true);
    };
    for (const { shoal } of view.services.by('network', network.ID)) {
      const vip = shoal.attachments?.find(({ networkId }) => networkId === network.ID)?.vip;
      if (vip) expectOwn('vip', vip);
    }
    for (const task of view.tasks.by('network', network.ID)) {
      const address = addressOn(task, network.ID);
      if (address) expectOwn(task.NodeID ?? '', address);
      if (waitsFor(task, network.ID)) {
        expect(network.shoal.grows).toBe(false);
        expect(task.unaddressed).toMatch(/^no addresses left in network (tiny|own) \(/);
      }
    }
  }
  expectApartPorts(view);
}

function expectApart(blocks: readonly ReturnType<typeof parseBlock>[]): void {
  const sorted = blocks.toSorted((a, b) => a.base - b.base);
  sorted.forEach((block, i) => {
    const next = sorted[i + 1];
    expect(next ? overlaps(block, next) : false).toBe(false);
  });
}

function expectApartPorts(view: ReadView): void {
  const ports = [...view.services.all()].flatMap(({ shoal }) => shoal.ports ?? []);
  const published = ports.map(({ PublishedPort }) => PublishedPort);
  expect(new Set(published).size).toBe(published.length);
}

describe('addresses, slices and ports', () => {
  it('never overlap, never leak and never wait for nothing, after any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (history) => {
        const cluster = await aCluster();
        const { store, runAllocator, wait } = cluster;
        for (const [number, action] of history.entries()) {
          await play(cluster, action, number);
          await runAllocator();
          check(store.view);
        }
        await store.update((tx) => {
          for (const { ID } of tx.services.all()) tx.services.remove(ID);
          for (const { ID } of tx.tasks.all()) tx.tasks.remove(ID);
        });
        await runAllocator();
        wait(idleMs);
        await runAllocator();
        for (const { shoal } of store.view.networks.all()) {
          expect([shoal.slices, shoal.subnets.length <= 1]).toEqual([[], true]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('are kept on the node for a while after its last task, unless others need them', async () => {
    const cluster = await aCluster();
    const { store, runAllocator, wait } = cluster;
    const all = { targets: ['tiny'], published: true, dnsrr: true };
    await play(cluster, { do: 'service', of: 0, spec: all }, 0);
    await play(cluster, { do: 'tasks', of: 0, node: 0, count: 1 }, 1);
    await runAllocator();
    await play(cluster, { do: 'end', share: 1 }, 2);
    await runAllocator();
    const owners = () => store.view.networks.get('tiny')?.shoal.slices.map(({ owner }) => owner);
    expect(owners()).toEqual(['n1']);
    await play(cluster, { do: 'tasks', of: 0, node: 1, count: 20 }, 3);
    await runAllocator();
    expect(owners()).toEqual(['n2', 'n2', 'n2', 'n2']);
    await play(cluster, { do: 'end', share: 1 }, 4);
    await runAllocator();
    wait(idleMs);
    await runAllocator();
    expect(owners()).toEqual([]);
  });

  it('leave a host what it grew by, until another one would get none', async () => {
    const cluster = await aCluster();
    const { store, runAllocator } = cluster;
    await play(
      cluster,
      { do: 'service', of: 0, spec: { targets: ['tiny'], published: true, dnsrr: true } },
      0,
    );
    const owners = () => store.view.networks.get('tiny')?.shoal.slices.map(({ owner }) => owner);
    await play(cluster, { do: 'tasks', of: 0, node: 0, count: 18 }, 1);
    await runAllocator();
    // Those that got their addresses first.
    const inUse = [...store.view.tasks.all()].sort((a, b) => (a.ID < b.ID ? -1 : 1)).slice(0, 3);
    await store.update((tx) => {
      for (const { ID } of tx.tasks.all()) if (!inUse.some((task) => task.ID === ID)) tx.tasks.remove(ID);
    });
    await runAllocator();
    expect(owners()).toEqual(['n1', 'n1', 'n1', 'n1']);
    await play(cluster, { do: 'tasks', of: 0, node: 1, count: 7 }, 2);
    await runAllocator();
    expect(owners()?.toSorted()).toEqual(['n1', 'n2', 'n2']);
    check(store.view);
  });

  it('give the ingress network the lowest number and a subnet away from the hosts', async () => {
    const { store } = await aCluster();
    expect(store.view.networks.get(ingressId)?.shoal).toMatchObject({ number: 1, subnets: ['10.0.0.0/20'] });
    expect(store.view.networks.get('pool')?.shoal).toMatchObject({ number: 2, subnets: ['10.1.0.0/20'] });
    const overlapping = { Driver: 'overlay', IPAM: { Config: [{ Subnet: '172.20.0.0/16' }] } };
    expect(() => allocateNetwork(store.view, overlapping)).toThrow(
      'subnet 172.20.0.0/16 and network tiny (172.20.0.0/27); choose another --subnet',
    );
    const home = { Driver: 'overlay', IPAM: { Config: [{ Subnet: '10.0.0.0/30' }] } };
    expect(() => allocateNetwork(store.view, home)).toThrow('network ingress (10.0.0.0/20)');
  });
});
