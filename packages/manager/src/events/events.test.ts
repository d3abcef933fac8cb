import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Payload, payloadKinds, type Sealed } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import type { Tx } from '../store/index.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aPayload, aService, aTask } from '../testing.ts';
import { type ContainerEvent, takeContainerEvents } from './container-events.ts';
import { mostKept, Pace, recordEvents } from './index.ts';

const nowMs = Date.UTC(2026, 0, 1);
const aStore = async (seed: (tx: Tx) => void = () => undefined) => {
  const store = await TestStore.open(memoryBackend(), () => nowMs, recordEvents);
  await store.update(seed);
  return store;
};
const said = ({ view }: Pick<TestStore, 'view'>) =>
  [...view.events.all()]
    .sort((a, b) => a.atUs - b.atUs)
    .map(({ Type, Action, Actor }) => `${Type} ${Action} ${Actor.Attributes.name}`);

const anEvent = (atUs: number, change: Partial<ContainerEvent> = {}): ContainerEvent => ({
  atUs,
  action: 'start',
  containerId: 'c1',
  attributes: {
    name: `c${atUs}`,
    'com.docker.swarm.node.id': 'n1',
    'com.docker.swarm.task.id': 't1',
  },
  ...change,
});
const take = (store: TestStore, events: readonly ContainerEvent[], dropped = 0) =>
  store.update((tx) => {
    const node = tx.nodes.get('n1');
    if (node) takeContainerEvents(tx, node, { events, dropped }, nowMs);
  });

it('keeps the newest events, each later than those before it, whatever the clock says', async () => {
  const store = await aStore();
  for (let i = 0; i < mostKept / 100 + 3; i++)
    await store.update((tx) => {
      for (let n = 0; n < 100; n++) tx.services.create(aService(`s${i}-${n}`));
    });
  const kept = [...store.view.events.all()].sort((a, b) => Number(a.ID) - Number(b.ID));
  expect(kept.map(({ ID }) => Number(ID))).toEqual(Array.from({ length: mostKept }, (_, n) => n + 301));
  expect(new Set(kept.map(({ atUs }) => atUs)).size).toBe(mostKept);
  expect(kept).toEqual(kept.toSorted((a, b) => a.atUs - b.atUs));
});

it('tells of secrets and configs, but not that they are sealed anew', async () => {
  const content = (version: number, data: string) => ({ version, at: '', data: data as Sealed });
  for (const kind of payloadKinds) {
    const store = await aStore();
    const change = (next: (payload: Payload) => Payload) =>
      store.update((tx) => {
        for (const payload of [...tx[`${kind}s`].all()]) tx[`${kind}s`].update(next(payload));
      });
    await store.update((tx) => void tx[`${kind}s`].create(aPayload('p1', [content(1, 'x')])));
    await change((one) => ({ ...one, contents: [content(1, 'sealed anew')] }));
    await change((one) => ({ ...one, Spec: { ...one.Spec, Labels: { a: 'b' } } }));
    await change((one) => ({ ...one, contents: [...one.contents, content(2, 'y')] }));
    await store.update((tx) => tx[`${kind}s`].remove('p1'));
    expect(said(store)).toEqual(
      ['create', 'update', 'update', 'remove'].map((action) => `${kind} ${action} p1`),
    );
  }
});

it('leaves no event of a transaction that was not written', async () => {
  const store = await aStore();
  const failing = store.update((tx) => {
    tx.services.create(aService('s1'));
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(said(store)).toEqual([]);
});

it('takes each event of a container once, however often and in whatever pieces it comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ from: fc.nat(30), count: fc.integer({ min: 1, max: 12 }) })),
      async (messages) => {
        const store = await aStore((tx) => tx.nodes.create(aNode('n1')));
        // The agent sends what follows the newest that it heard to be known, or, where that got lost, what it sent before.
        let known = 0;
        for (const { from, count } of messages) {
          const begin = Math.min(from, known) + 1;
          await take(
            store,
            Array.from({ length: count }, (_, n) => anEvent(begin + n)),
          );
          known = store.view.eventMarks.get('n1')?.untilUs ?? 0;
        }
        const names = Array.from({ length: known }, (_, n) => `container start c${n + 1}`);
        expect(said(store).slice(1)).toEqual(names);
      },
    ),
    { numRuns: 30 },
  );
});

it('says how many events a host had to drop, once', async () => {
  const store = await aStore((tx) => tx.nodes.create(aNode('n1')));
  await take(store, [anEvent(5)], 17);
  await take(store, [anEvent(5)], 17);
  const [, lost] = [...store.view.events.all()].sort((a, b) => a.atUs - b.atUs);
  expect(said(store)).toEqual(['node create n1', 'daemon events-lost n1', 'container start c5']);
  expect(lost?.Actor).toEqual({ ID: 'n1', Attributes: { name: 'n1', count: '17' } });
});

it('believes a node only what is its own, and not at any length; forgets how far it was with the node', async () => {
  const store = await aStore((tx) => {
    tx.nodes.create(aNode('n1'));
    tx.tasks.create(aTask('t1', { NodeID: 'n1' }));
    tx.tasks.create(aTask('t2', { NodeID: 'n2' }));
  });
  const of = (node: string, task: string, more = {}) => ({
    attributes: { name: task, 'com.docker.swarm.node.id': node, 'com.docker.swarm.task.id': task, ...more },
  });
  await take(store, [
    anEvent(1, of('n1', 't1', { long: 'x'.repeat(20_000) })),
    anEvent(2, of('n1', 't2')),
    anEvent(3, of('n2', 't1')),
    anEvent(4, of('n1', 'gone')),
  ]);
  expect(said(store).slice(1)).toEqual(['container start t1', 'container start gone']);
  expect(JSON.stringify([...store.view.events.all()])).not.toContain('xxx');
  await store.update((tx) => tx.nodes.remove('n1'));
  expect(store.view.eventMarks.get('n1')).toBeUndefined();
});

it('takes a thousand events a second, whatever all hosts have to say, and who has little waits little', () => {
  const pace = new Pace();
  expect(pace.take(2, nowMs)).toBe(100);
  const hosts = Array.from({ length: 1_000 }, () => ({ at: nowMs, taken: 0 }));
  for (let second = 0; second < 60; second++)
    for (const host of hosts)
      while (host.at < nowMs + (second + 1) * 1_000) {
        host.taken += 32;
        host.at += pace.take(32, host.at);
      }
  const all = hosts.reduce((sum, { taken }) => sum + taken, 0);
  // What they say before they are told to wait comes on top.
  expect(all).toBeLessThan(60 * 1_000 + 2 * 32 * hosts.length);
  expect(pace.take(1, nowMs + 60_000)).toBeLessThan(2_500);
});
