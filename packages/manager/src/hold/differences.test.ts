import { expect, it } from 'vitest';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService, aTask } from '../testing.ts';
import { areSame, differences, type HostTask } from './differences.ts';

const running = (taskId: string, serviceName = 'web'): HostTask => ({ taskId, serviceName, running: true });
const ended = (taskId: string): HostTask => ({ ...running(taskId), running: false });

/** Two tasks of web on n1, one on n2; n3 ran the manager. */
async function aView() {
  const store = await TestStore.open(memoryBackend(), () => 0);
  await store.update((tx) => {
    for (const id of ['n1', 'n2', 'n3'])
      tx.nodes.create(aNode(id, { reported: { description: { Hostname: `h${id}` } as never } }));
    tx.services.create(aService('s', { Spec: { Name: 'web' } as never }));
    for (const [id, NodeID] of [
      ['a', 'n1'],
      ['b', 'n1'],
      ['c', 'n2'],
      ['m', 'n3'],
    ] as const)
      tx.tasks.create(aTask(id, { ServiceID: 's', NodeID, Status: { Timestamp: '', State: 'running' } }));
    tx.tasks.create(
      aTask('old', {
        ServiceID: 's',
        NodeID: 'n2',
        DesiredState: 'shutdown',
        Status: { Timestamp: '', State: 'shutdown' },
      }),
    );
  });
  return store.view;
}

const asBefore = { n1: [running('a'), running('b')], n2: [running('c'), ended('old')] };
const look = async (said: Readonly<Record<string, readonly HostTask[]>>) =>
  differences(await aView(), 'n3', new Map(Object.entries(said)));

it('there are none when all hosts but the former manager have what the state says, ended or not', async () => {
  expect(areSame(await look(asBefore))).toBe(true);
  expect(areSame(await look({ ...asBefore, n1: [running('a'), ended('b')] }))).toBe(true);
});

it('hosts that say nothing are missed', async () => {
  const found = await look({ n1: asBefore.n1 });
  expect(found).toEqual({ absent: ['hn2'], wouldStop: [], wouldStart: [] });
  expect(areSame(found)).toBe(false);
});

it('what runs and is not known, or has ended, or is elsewhere, would be stopped', async () => {
  const shop = running('x', 'shop');
  const { wouldStop } = await look({
    n1: [...asBefore.n1, shop, running('c')],
    n2: [...asBefore.n2, { ...shop, taskId: 'y' }, running('old')],
  });
  expect(wouldStop).toEqual([
    { service: 'shop', tasks: 2, nodes: ['hn1', 'hn2'] },
    { service: 'web', tasks: 2, nodes: ['hn1', 'hn2'] },
  ]);
});

it('what the state says runs, and a host does not have, would be started', async () => {
  const { wouldStart, wouldStop } = await look({ ...asBefore, n1: [running('a')], n3: [] });
  expect(wouldStart).toEqual([{ service: 'web', tasks: 2, nodes: ['hn1', 'hn3'] }]);
  expect(wouldStop).toEqual([]);
});

it('ended containers that nobody knows are no difference', async () => {
  expect(areSame(await look({ ...asBefore, n2: [...asBefore.n2, ended('x')] }))).toBe(true);
});
