import { decodeDesired } from '@shoal/proto';
import { expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { isReady } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { aService } from '../testing.ts';
import { aManager, anAgent, assigned, nodeId, type Told } from './testing.ts';

it('a stream that ends while its agent joins leaves a node that is watched', async () => {
  const backend = memoryBackend();
  let joining = false;
  const goOn: (() => void)[] = [];
  const { store, port, heard, left } = await aManager({
    ...backend,
    commit: async (batch) => {
      if (joining) await new Promise<void>((resolve) => goOn.push(resolve));
      return await backend.commit(batch);
    },
  });
  joining = true;
  const agent = anAgent(port);
  agent.hello();
  await eventually(() => expect(goOn).toHaveLength(1));
  agent.cancel();
  // On the same connection, so what came before it has arrived, too.
  const other = anAgent(port);
  other.send({ $case: 'beat', value: { number: 1, beatMs: 500 } });
  expect(await other.ended).toMatch(/greeting/);
  goOn[0]?.();
  await eventually(() => expect(isReady(store.view.nodes.get(nodeId))).toBe(true));
  await eventually(() => expect(left).toEqual([nodeId]));
  expect(heard).toEqual([nodeId]);
});

it('a stop that waits for a host is waited for on its next stream, with the numbers of that one', async () => {
  const { store, port } = await aManager();
  await store.update((tx) => {
    const ports = [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 80, PublishMode: 'ingress' }] as const;
    tx.services.create(aService('db', { shoal: { specVersion: 1, ports } }));
    tx.tasks.create(
      assigned('t1', {
        ServiceID: 'db',
        Status: { Timestamp: '', State: 'running' },
        shoal: {
          specVersion: 1,
          ports: [],
          networks: ['net'],
          attachments: [{ networkId: 'net', address: '10.1.2.3' }],
        },
      }),
    );
  });
  const first = anAgent(port);
  first.hello();
  await eventually(() => expect(first.sets()).toHaveLength(1));
  await store.update((tx) => {
    const task = tx.tasks.get('t1');
    if (task) tx.tasks.update({ ...task, DesiredState: 'shutdown' });
  });
  await eventually(() => expect(first.sets()).toHaveLength(2));
  const second = anAgent(port);
  second.hello();
  await eventually(() => expect(second.sets().map(wanted)).toEqual([['running']]));
  second.send({ $case: 'applied', value: { number: 1 } });
  await eventually(() => expect(second.sets().map(wanted)).toEqual([['running'], ['shutdown']]));
});

const wanted = (told: Told) => told.put('task').map(({ desiredState }) => decodeDesired(desiredState));
