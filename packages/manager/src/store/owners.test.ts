import { expect, it } from 'vitest';
import { aNode, aTask } from '../testing.ts';
import { memoryBackend } from './backends/memory.ts';
import { OwnerError, Store, type Tx, type Writer } from './index.ts';

async function aStore(): Promise<Store> {
  const store = await Store.open(memoryBackend(), () => 0);
  await store.update((tx) => {
    tx.nodes.create(aNode('n1'));
    tx.tasks.create(aTask('t1'));
  });
  return store;
}

const changes: Record<string, (tx: Tx) => void> = {
  judged: (tx) => {
    const node = tx.nodes.get('n1');
    if (node) tx.nodes.update({ ...node, judged: { state: 'down' } });
  },
  'shoal.attachments': (tx) => {
    const task = tx.tasks.get('t1');
    if (task) tx.tasks.update({ ...task, shoal: { ...task.shoal, attachments: [] } });
  },
  DesiredState: (tx) => {
    const task = tx.tasks.get('t1');
    if (task) tx.tasks.update({ ...task, DesiredState: 'shutdown' });
  },
};

it.each<[string, Writer, Writer]>([
  ['judged', 'liveness', 'agents'],
  ['shoal.attachments', 'allocator', 'scheduler'],
  ['DesiredState', 'moves', 'agents'],
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
