import { setTimeout as sleep } from 'node:timers/promises';
import { ManagerMessage } from '@shoal/proto';
import { memoryBackend } from '../store/backends/memory.ts';
import { Store } from '../store/index.ts';
import { aNode, aService, aTask } from '../testing.ts';
import { Agents } from './agents.ts';
import { Session } from './session.ts';

const pino = { error: console.error } as never;
const hosts = 5000,
  replicas = 1000;
const nodeId = (h: number) => `node-${String(h).padStart(20, '0')}`;
const sliceOf = (h: number) => ({ owner: nodeId(h), cidr: `10.${h >> 8}.${h & 255}.0/26` });
const store = await Store.open(memoryBackend(), Date.now);
const mk = (slot: number) =>
  aTask(`task-${String(slot).padStart(20, '0')}`, {
    Slot: slot,
    NodeID: nodeId(slot % hosts),
    Status: { Timestamp: '', State: 'running', PortStatus: {} },
    shoal: {
      specVersion: 1,
      ports: [],
      networks: ['shop'],
      attachments: [{ networkId: 'shop', address: `10.0.${slot >> 8}.${slot & 255}` }],
    },
  });
await store.update((tx) => {
  for (let h = 0; h < hosts; h++)
    tx.nodes.create(
      aNode(nodeId(h), {
        shoal: { number: h + 1, images: [] },
        Status: { State: 'ready', Addr: `192.0.${h >> 8}.${h & 255}` },
      }),
    );
  tx.networks.create({
    ID: 'shop',
    Spec: { Name: 'shop', Driver: 'overlay' },
    shoal: {
      number: 2,
      subnets: ['10.0.0.0/8'],
      slices: Array.from({ length: hosts - 1 }, (_, h) => sliceOf(h)),
      grows: true,
    },
  });
  tx.services.create(
    aService('web', { shoal: { specVersion: 1, attachments: [{ networkId: 'shop', vip: '10.255.0.1' }] } }),
  );
  for (let s = 0; s < replicas; s++) tx.tasks.create(mk(s));
});
const agents = new Agents(store, { clock: Date.now, log: pino });
let bytes = 0,
  messages = 0;
let t = performance.now();
for (let h = 0; h < hosts; h++)
  agents.add(
    new Session(nodeId(h), {
      write: (m) => {
        bytes += ManagerMessage.encode(m).finish().length;
        messages++;
        return true;
      },
      end() {},
    }),
  );
const wait = async (n: number) => {
  while (messages < n) await sleep(1);
};
await wait(hosts);
console.log(
  'complete sets',
  Math.round(performance.now() - t),
  'ms',
  Math.round(bytes / 1e6),
  'MB',
  messages,
  'rss',
  Math.round(process.memoryUsage().rss / 1e6),
);
for (const what of ['endpoint', 'slice', 'endpoint', 'task status'] as const) {
  bytes = 0;
  messages = 0;
  t = performance.now();
  if (what === 'endpoint') {
    const slot = replicas + Math.floor(Math.random() * 1e6);
    await store.update((tx) => void tx.tasks.create(mk(slot)));
    await wait(hosts - 1);
  } else if (what === 'slice') {
    await store.update((tx) => {
      const n = tx.networks.get('shop');
      if (n)
        tx.networks.update({ ...n, shoal: { ...n.shoal, slices: [...n.shoal.slices, sliceOf(hosts - 1)] } });
    });
    await wait(hosts);
  } else {
    await store.update((tx) => {
      const n = tx.tasks.get(mk(5).ID);
      if (n) tx.tasks.update({ ...n, Status: { ...n.Status, Message: 'x' } });
    });
    await sleep(5);
  }
  console.log(what, Math.round((performance.now() - t) * 10) / 10, 'ms', bytes, 'bytes', messages);
}
process.exit(0);
