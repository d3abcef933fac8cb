import { expect, it } from 'vitest';
import type { Task } from '../model/index.ts';
import { aNode, aService, aTask } from '../testing.ts';
import { memoryBackend } from './backends/memory.ts';
import { OwnerError, type Tx, type Writer } from './index.ts';
import { TestStore } from './testing.ts';

async function aStore(): Promise<TestStore> {
  const store = await TestStore.open(memoryBackend(), () => 0);
  await store.update((tx) => {
    tx.nodes.create(aNode('n1'));
    tx.tasks.create(aTask('t1'));
    tx.services.create(aService('s1'));
  });
  return store;
}

const ofTask = (change: (task: Task) => Partial<Task>) => (tx: Tx) => {
  const task = tx.tasks.get('t1');
  if (task) tx.tasks.update({ ...task, ...change(task) });
};

const changes: Record<string, (tx: Tx) => void> = {
  judged: (tx) => {
    const node = tx.nodes.get('n1');
    if (node) tx.nodes.update({ ...node, judged: { state: 'down' } });
  },
  'shoal.volumes': (tx) => {
    const service = tx.services.get('s1');
    if (service) tx.services.update({ ...service, shoal: { ...service.shoal, volumes: {} } });
  },
  'shoal.attachments': ofTask(({ shoal }) => ({ shoal: { ...shoal, attachments: [] } })),
  shoal: ofTask(({ shoal }) => ({ shoal: { ...shoal, runningSince: 1 } })),
  DesiredState: ofTask(() => ({ DesiredState: 'shutdown' })),
  NodeID: ofTask(() => ({ NodeID: 'n1' })),
  placement: ofTask(() => ({ placement: { at: '', scores: {} } })),
  unplaced: ofTask(() => ({ unplaced: { at: '', specVersion: 1, reasons: [] } })),
  unaddressed: ofTask(() => ({ unaddressed: 'no addresses left' })),
  observed: ofTask(() => ({ observed: { state: 'running', at: '' } })),
  nodeRemovedAt: ofTask(() => ({ nodeRemovedAt: '' })),
};

it.each<[string, Writer, Writer]>([
  ['judged', 'liveness', 'agents'],
  ['shoal.attachments', 'allocator', 'scheduler'],
  ['shoal.volumes', 'services', 'people'],
  ['shoal', 'services', 'agents'],
  ['DesiredState', 'moves', 'agents'],
  ['NodeID', 'scheduler', 'services'],
  ['placement', 'scheduler', 'services'],
  ['unplaced', 'scheduler', 'services'],
  ['unaddressed', 'allocator', 'scheduler'],
  ['observed', 'agents', 'moves'],
  ['nodeRemovedAt', 'people', 'agents'],
])('%s is written by %s; when %s does, nothing of its transaction is', async (part, owner, other) => {
  const store = await aStore();
  const change = changes[part] ?? (() => undefined);
  const { revision } = store;
  const refused = store.update(change, other);
  await expect(refused).rejects.toThrow(OwnerError);
  await expect(refused).rejects.toThrow(`${other} changed ${part} of`);
  expect(store.revision).toBe(revision);
  await store.update(change, owner);
  expect(store.revision).toBe(revision + 1);
});

it('the same once more, in another object, is no change', async () => {
  const store = await aStore();
  await store.update((tx) => {
    const node = tx.nodes.get('n1');
    if (node) tx.nodes.update({ ...node, judged: { ...node.judged } });
  }, 'people');
});
