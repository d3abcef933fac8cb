import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { memoryBackend } from '../store/backends/memory.ts';
import { Store } from '../store/index.ts';
import { aNode } from '../testing.ts';
import { Statuses } from './statuses.ts';

async function aCluster(backend = memoryBackend()) {
  const store = await Store.open(backend, Date.now);
  await store.update((tx) => {
    tx.nodes.create(aNode('n1'));
    tx.nodes.create(aNode('n2', { Status: { State: 'down', Message: 'its daemon is dead' } }));
  });
  const statuses = new Statuses(store, Date.now, pino({ level: 'silent' }));
  const settled = (id: string, status: object) =>
    vi.waitFor(() => {
      statuses.settle();
      expect(store.view.nodes.get(id)?.Status).toMatchObject(status);
    });
  return { store, statuses, settled };
}

it('says who is away or down, and takes it back', async () => {
  const { store, statuses, settled } = await aCluster();
  statuses.say('n1', { State: 'disconnected', Message: 'away' });
  await settled('n1', { State: 'disconnected', Message: 'away', Addr: '10.0.0.1' });
  statuses.say('n1', { State: 'down', Message: 'dead' });
  await settled('n1', { State: 'down' });
  statuses.takeBack('n1');
  await settled('n1', { State: 'ready', Addr: '10.0.0.1' });
  expect(store.view.nodes.get('n1')?.Status).not.toHaveProperty('Message');
});

it('says what became of isolated tasks together with the loss of the node, and only while it is down', async () => {
  const { store, statuses, settled } = await aCluster();
  const seen: string[] = [];
  store.watch(({ changes }) => {
    for (const change of changes)
      if (change.table === 'nodes') seen.push(`${change.after?.Status.State} ${change.after?.shoal.leases}`);
  });
  statuses.say('n1', { State: 'down', Message: 'dead' });
  statuses.setLeases('n1', 'running');
  await settled('n1', { State: 'down' });
  statuses.setLeases('n1', 'over');
  await vi.waitFor(() => {
    statuses.settle();
    expect(seen).toHaveLength(2);
  });
  statuses.takeBack('n1');
  statuses.setLeases('n1', undefined);
  await settled('n1', { State: 'ready' });
  expect(seen).toEqual(['down running', 'down over', 'ready undefined']);
});

it('says that a node is down in the very words that said it is away', async () => {
  const { statuses, settled } = await aCluster();
  statuses.say('n1', { State: 'disconnected', Message: 'not heard for 5.0 s' });
  await settled('n1', { State: 'disconnected' });
  statuses.say('n1', { State: 'down', Message: 'not heard for 5.0 s' });
  await settled('n1', { State: 'down' });
});

it('leaves alone what the agent itself told', async () => {
  const { store, statuses } = await aCluster();
  statuses.say('n2', { State: 'down', Message: 'dead' });
  statuses.settle();
  statuses.takeBack('n2');
  statuses.settle();
  expect(store.view.nodes.get('n2')?.Status).toEqual({ State: 'down', Message: 'its daemon is dead' });
});

it('writes again what could not be written', async () => {
  const backend = memoryBackend();
  let fails = 0;
  const { statuses, settled } = await aCluster({
    ...backend,
    commit: async () => (fails-- > 0 ? { refused: 'disk full' } : 'done'),
  });
  fails = 2;
  statuses.say('n1', { State: 'down', Message: 'dead' });
  await settled('n1', { State: 'down', Message: 'dead' });
});
