import { pino } from 'pino';
import { expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { nodeStatus } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode } from '../testing.ts';
import { Judgements } from './judgements.ts';

function statusOf({ view }: TestStore, id: string) {
  const node = view.nodes.get(id);
  return node && nodeStatus(node);
}

async function aCluster(backend = memoryBackend()) {
  const store = await TestStore.open(backend, Date.now);
  await store.update((tx) => {
    tx.nodes.create(aNode('n1'));
    tx.nodes.create(aNode('n2', { reported: { trouble: 'its daemon is dead' } }));
  });
  const judgements = new Judgements(store, Date.now, pino({ level: 'silent' }));
  let now = 0;
  /** A look, a second after the one before. */
  const look = () => {
    now += 1_000;
    judgements.write(now);
  };
  const settled = (id: string, status: object) =>
    eventually(() => {
      look();
      expect(statusOf(store, id)).toMatchObject(status);
    });
  return { store, judgements, look, settled };
}

it('says who is away or down, and takes it back', async () => {
  const { store, judgements, settled } = await aCluster();
  judgements.set('n1', { state: 'disconnected', why: 'away' });
  await settled('n1', { State: 'disconnected', Message: 'away', Addr: '10.0.0.1' });
  judgements.set('n1', { state: 'down', why: 'dead' });
  await settled('n1', { State: 'down' });
  judgements.set('n1', { state: 'heard' });
  await settled('n1', { State: 'ready', Addr: '10.0.0.1' });
  expect(statusOf(store, 'n1')).not.toHaveProperty('Message');
});

it('says what became of isolated tasks together with the loss of the node, and only while it is down', async () => {
  const { store, judgements, look, settled } = await aCluster();
  const seen: string[] = [];
  store.watch(({ changes }) => {
    for (const change of changes)
      if (change.table === 'nodes' && change.id === 'n1')
        seen.push(`${change.after?.judged.state} ${change.after?.judged.leases}`);
  });
  judgements.set('n1', { state: 'down', why: 'dead' });
  judgements.setLeases('n1', 'running');
  await settled('n1', { State: 'down' });
  judgements.setLeases('n1', 'over');
  await eventually(() => {
    look();
    expect(seen).toHaveLength(2);
  });
  judgements.set('n1', { state: 'heard' });
  judgements.setLeases('n1', undefined);
  await settled('n1', { State: 'ready' });
  expect(seen).toEqual(['down running', 'down over', 'heard undefined']);
});

it('says that a node is down in the very words that said it is away', async () => {
  const { judgements, settled } = await aCluster();
  judgements.set('n1', { state: 'disconnected', why: 'not heard for 5.0 s' });
  await settled('n1', { State: 'disconnected' });
  judgements.set('n1', { state: 'down', why: 'not heard for 5.0 s' });
  await settled('n1', { State: 'down' });
});

it('a node that can run nothing is down whatever is thought of it, in the words of its agent', async () => {
  const { store, judgements, look } = await aCluster();
  const words = { State: 'down', Message: 'its daemon is dead' };
  for (const state of ['down', 'heard'] as const) {
    judgements.set('n2', { state, ...(state === 'down' && { why: 'dead' }) });
    await eventually(() => {
      look();
      expect(store.view.nodes.get('n2')?.judged.state).toBe(state);
    });
    expect(statusOf(store, 'n2')).toMatchObject(words);
  }
});

it('counts how often a node goes down, also when its agent says that it can run nothing', async () => {
  const { store, judgements, look } = await aCluster();
  const falls = async (expected: object | undefined) =>
    eventually(() => {
      look();
      expect(store.view.nodes.get('n2')?.flapping).toEqual(expected);
    });
  await falls({ falls: 1 });
  await store.update((tx) => {
    const node = tx.nodes.get('n2');
    if (node) tx.nodes.update({ ...node, reported: aNode('n2').reported });
  });
  judgements.recordChanged('n2');
  await falls({ falls: 1, backAt: expect.any(Number) });
  judgements.set('n2', { state: 'down', why: 'dead' });
  await falls({ falls: 2 });
});

it('leaves what the manager before this one thought of a node until something else is', async () => {
  const { store, judgements, look } = await aCluster();
  judgements.set('n1', { state: 'down', why: 'dead' });
  await eventually(() => {
    look();
    expect(store.view.nodes.get('n1')?.judged.state).toBe('down');
  });
  const next = new Judgements(store, Date.now, pino({ level: 'silent' }));
  next.write(0);
  await store.update(() => undefined);
  expect(store.view.nodes.get('n1')?.judged).toEqual({ state: 'down', why: 'dead' });
});

it('writes again what could not be written', async () => {
  const backend = memoryBackend();
  let fails = 0;
  const { judgements, settled } = await aCluster({
    ...backend,
    commit: async () => (fails-- > 0 ? { refused: 'disk full' } : 'done'),
  });
  fails = 2;
  judgements.set('n1', { state: 'down', why: 'dead' });
  await settled('n1', { State: 'down', Message: 'dead' });
});

it('leaves a store in trouble alone for a second after each write that failed', async () => {
  const backend = memoryBackend();
  let commits = 0;
  let refuses = false;
  const { store, judgements } = await aCluster({
    ...backend,
    commit: async () => {
      commits++;
      return refuses ? { refused: 'disk full' } : 'done';
    },
  });
  const look = async (now: number) => {
    judgements.write(now);
    // Behind it in the queue: it has ended then, too.
    await store.update(() => undefined).catch(() => undefined);
    await new Promise(setImmediate);
    return commits;
  };
  commits = 0;
  refuses = true;
  judgements.set('n1', { state: 'down', why: 'dead' });
  expect(await look(5_000)).toBe(1);
  expect(await look(5_050)).toBe(1);
  expect(await look(5_950)).toBe(1);
  expect(await look(6_000)).toBe(2);
  refuses = false;
  expect(await look(7_000)).toBe(3);
  judgements.set('n1', { state: 'heard' });
  expect(await look(7_050)).toBe(4);
});
