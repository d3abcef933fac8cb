import { pino } from 'pino';
import { expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aCluster, aNode } from '../testing.ts';
import { rotationLoop } from './index.ts';

const { trust } = aCluster();
const rotating = {
  ...trust,
  root: { ...trust.root, digest: 'new' },
  former: { certificate: '', digest: 'old', issuer: trust.root.issuer, crossSigned: '' },
};

it('lets the former root go when the last node has shown a certificate of the new one, or is removed', async () => {
  const store = await TestStore.open(memoryBackend(), Date.now);
  await store.update((tx) => {
    tx.clusters.create(aCluster({ trust: rotating }));
    for (const id of ['n1', 'n2', 'n3']) tx.nodes.create(aNode(id, { allotted: { signedBy: 'old' } }));
  });
  const loop = rotationLoop(store, { clock: Date.now, log: pino({ level: 'silent' }) });
  const show = (id: string) =>
    store.update((tx) => {
      const node = tx.nodes.get(id);
      if (node) tx.nodes.update({ ...node, allotted: { ...node.allotted, signedBy: 'new' } });
    });
  const former = () => [...store.view.clusters.all()][0]?.trust.former?.digest;
  await show('n1');
  await show('n2');
  expect(former()).toBe('old');
  await store.update((tx) => tx.nodes.remove('n3'));
  await eventually(() => expect(former()).toBeUndefined());
  await loop.close();
});
