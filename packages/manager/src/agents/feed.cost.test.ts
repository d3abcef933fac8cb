import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { memoryBackend } from '../store/backends/memory.ts';
import type { Tx } from '../store/index.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService, aTask } from '../testing.ts';
import { aVault } from '../trust/testing.ts';
import { Agents } from './agents.ts';
import { ToldAgent } from './told.fixture.ts';

const hosts = 100;
const replicas = 60;
const nodeId = (host: number) => `node-${String(host).padStart(20, '0')}`;
const sliceOf = (host: number) => ({ owner: nodeId(host), cidr: `10.${host >> 8}.${host & 255}.0/26` });

/** The service `web` on the network `shop`, in which all hosts but the last take part. */
async function aCluster(clock = Date.now) {
  const store = await TestStore.open(memoryBackend(), Date.now);
  await store.update((tx) => {
    for (let host = 0; host < hosts; host++)
      tx.nodes.create(aNode(nodeId(host), { allotted: { number: host + 1 } }));
    tx.networks.create({
      ID: 'shop',
      Spec: { Name: 'shop', Driver: 'overlay' },
      shoal: {
        number: 2,
        subnets: ['10.0.0.0/8'],
        slices: Array.from({ length: hosts - 1 }, (_, host) => sliceOf(host)),
        grows: true,
      },
    });
    const attachments = [{ networkId: 'shop', vip: '10.255.0.1' }];
    tx.services.create(aService('web', { shoal: { specVersion: 1, attachments } }));
    for (let slot = 0; slot < replicas; slot++) createTask(tx, slot);
  });
  const agents = new Agents(store, {
    clock,
    log: pino({ level: 'silent' }),
    vault: aVault(),
    onTrust: () => undefined,
  });
  const told = Array.from({ length: hosts }, (_, host) => new ToldAgent(agents, nodeId(host)));
  await vi.waitFor(() => expect(told.every(({ number }) => number === 1)).toBe(true), { timeout: 30_000 });
  return { store, agents, told };
}

function createTask(tx: Tx, slot: number): void {
  tx.tasks.create(
    aTask(`task-${String(slot).padStart(20, '0')}`, {
      Slot: slot,
      NodeID: nodeId(slot % (hosts - 1)),
      Status: { Timestamp: '', State: 'running' },
      shoal: {
        specVersion: 1,
        ports: [],
        networks: ['shop'],
        attachments: [{ networkId: 'shop', address: `10.0.${slot}.2` }],
      },
    }),
  );
}

it('one endpoint more is one small change to each host that needs it, encoded once for all', async () => {
  const { store, agents, told } = await aCluster();
  await store.update((tx) => createTask(tx, replicas));
  const owner = told[replicas];
  const others = told.slice(0, hosts - 1).filter((agent) => agent !== owner);
  await vi.waitFor(() => expect(others.every(({ number }) => number === 2)).toBe(true), { timeout: 30_000 });
  expect(others.map(({ changes }) => changes.length)).toEqual(others.map(() => 1));
  expect(new Set(others.flatMap(({ changes }) => changes)).size).toBe(1);
  expect(others[0]?.changes[0]?.length).toBeLessThan(200);
  // The task itself is told to its own host only, and nothing to a host that does not take part.
  expect([owner?.changes.length, told.at(-1)?.number]).toEqual([2, 1]);
  await agents.close();
}, 60_000);

it('one slice more is one small change to each host of the network, and the whole network to the new one', async () => {
  const { store, agents, told } = await aCluster();
  await store.update((tx) => {
    const network = tx.networks.get('shop');
    if (!network) return;
    const slices = [...network.shoal.slices, sliceOf(hosts - 1)];
    tx.networks.update({ ...network, shoal: { ...network.shoal, slices } });
  });
  await vi.waitFor(() => expect(told.every(({ number }) => number === 2)).toBe(true), { timeout: 30_000 });
  const others = told.slice(0, -1);
  expect(new Set(others.flatMap(({ changes }) => changes)).size).toBe(1);
  expect(others.every(({ changes }) => changes.length === 1)).toBe(true);
  expect(others[0]?.changes[0]?.length).toBeLessThan(200);
  // The network, all of its slices, the service, all of its endpoints.
  expect(told.at(-1)?.changes).toHaveLength(1 + hosts + 1 + replicas);
  await agents.close();
}, 60_000);

it('hosts that join one after the other are told together, and at once with what names them', async () => {
  let now = 1_000;
  const { store, agents, told } = await aCluster(() => now);
  let number = hosts;
  const join = () =>
    store.update((tx) => tx.nodes.create(aNode(nodeId(number), { allotted: { number: ++number } })));
  const heard = (changes: number) =>
    vi.waitFor(() => expect(told.map((agent) => agent.changes.length)).toEqual(told.map(() => changes)), {
      timeout: 30_000,
    });
  await join();
  await heard(1);
  for (let times = 0; times < 5; times++) await join();
  // Sent as soon as anything else is, in order: so nothing of them came before.
  await store.update((tx) => {
    const node = tx.nodes.get(nodeId(0));
    if (node) tx.nodes.update({ ...node, reported: { ...node.reported, address: '192.0.2.99' } });
  });
  await heard(5 + 1);
  expect(told.every((agent) => agent.number === 3)).toBe(true);
  for (let times = 0; times < 5; times++) await join();
  now += hosts;
  await heard(5);
  await agents.close();
}, 60_000);
