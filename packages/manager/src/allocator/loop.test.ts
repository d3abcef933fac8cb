import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { ingressId, type Network, type Service, type Task } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService, aTask, withStatus } from '../testing.ts';
import { affected, allocatorLoop, prepareNetworks } from './loop.ts';
import { allocateNetwork } from './network.ts';

const log = pino({ level: 'silent' });
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A store with a loop on it; `small` has room for ten services and two hosts with five tasks each. */
async function running() {
  const store = await TestStore.open(memoryBackend(), Date.now);
  await prepareNetworks(store);
  const small: Network['Spec'] = {
    Name: 'small',
    Driver: 'overlay',
    IPAM: { Config: [{ Subnet: '172.20.0.0/28' }] },
  };
  await store.update((tx) => {
    tx.nodes.create(aNode('n1'));
    tx.networks.create({ ID: 'small', Spec: small, shoal: allocateNetwork(tx, small) });
  });
  const loop = allocatorLoop(store, { clock: Date.now, log });
  closers.push(async () => {
    await loop.close();
    await store.close();
  });
  return store;
}

const assigned = (id: string, networks: readonly string[], change: Partial<Task> = {}) =>
  aTask(id, {
    NodeID: 'n1',
    Status: { Timestamp: '', State: 'assigned' },
    shoal: { specVersion: 1, ports: [], networks },
    ...change,
  });

describe('the loop', () => {
  it('gives a placed task its addresses, in the order of its networks', async () => {
    const store = await running();
    await store.update((tx) => tx.tasks.create(assigned('t1', ['small', ingressId])));
    await eventually(() => {
      const attachments = store.view.tasks.get('t1')?.shoal.attachments ?? [];
      expect(attachments.map(({ networkId }) => networkId)).toEqual(['small', ingressId]);
    });
    const pending = aTask('t2', { shoal: { specVersion: 1, ports: [], networks: ['small'] } });
    await store.update((tx) => tx.tasks.create(pending));
    await store.update((tx) =>
      tx.tasks.update({ ...assigned('t2', ['small']), Version: { Index: store.revision } }),
    );
    await eventually(() => expect(store.view.tasks.get('t2')?.shoal.attachments).toHaveLength(1));
  });

  it('says why a task has to wait, and goes on as soon as there is room', async () => {
    const store = await running();
    await store.update((tx) => {
      for (let i = 0; i < 11; i++) tx.tasks.create(assigned(`t${String(i).padStart(2, '0')}`, ['small']));
    });
    const last = () => store.view.tasks.get('t10');
    await eventually(() =>
      expect(last()?.unaddressed).toBe(
        'no addresses left in network small (172.20.0.0/28): create it with a larger --subnet',
      ),
    );
    await store.update((tx) => {
      const task = tx.tasks.get('t03');
      if (task) tx.tasks.update(withStatus(task, { State: 'failed' }));
    });
    await eventually(() => expect(last()?.shoal.attachments).toHaveLength(1));
    expect(last()).not.toHaveProperty('unaddressed');
  });

  it('drops a removed network once its last task has ended', async () => {
    const store = await running();
    await store.update((tx) => tx.tasks.create(assigned('t1', ['small'])));
    await store.update((tx) => {
      const network = tx.networks.get('small');
      if (network) tx.networks.update({ ...network, shoal: { ...network.shoal, removing: true } });
    });
    await eventually(() => expect(store.view.tasks.get('t1')?.shoal.attachments).toHaveLength(1));
    expect(store.view.networks.get('small')).toBeDefined();
    await store.update((tx) => tx.tasks.remove('t1'));
    await eventually(() => expect(store.view.networks.get('small')).toBeUndefined());
    await store.update((tx) => tx.tasks.create(assigned('t2', ['small'])));
    await eventually(() =>
      expect(store.view.tasks.get('t2')?.unaddressed).toBe(
        'network small does not exist any more: update the service',
      ),
    );
  });

  it('gives a service what its spec asks for after an automatic rollback', async () => {
    const store = await running();
    const Spec = {
      Name: 'web',
      TaskTemplate: { Networks: [{ Target: 'small' }] },
      EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080 }] },
    };
    await store.update((tx) => tx.services.create(aService('web', { Spec, shoal: { specVersion: 1 } })));
    await eventually(() =>
      expect(store.view.services.get('web')?.shoal).toMatchObject({
        attachments: [
          { networkId: 'small', vip: expect.stringMatching(/^172\.20\.0\./) },
          { networkId: ingressId },
        ],
        ports: [{ PublishedPort: 8080, PublishMode: 'ingress' }],
      }),
    );
  });

  it('looks at a network when a service leaves it, not when one comes', async () => {
    const { view } = await running();
    const web = (...vips: string[]) =>
      aService('web', {
        shoal: { specVersion: 1, attachments: vips.map((vip) => ({ networkId: 'small', vip })) },
      });
    const looksAt = (before: Service | undefined, after: Service | undefined) => [
      ...affected(view, { table: 'services', id: 'web', before, after }),
    ];
    expect(looksAt(undefined, web('172.20.0.2'))).toEqual(['web']);
    expect(looksAt(web('172.20.0.2'), web('172.20.0.2'))).toEqual(['web']);
    expect(looksAt(web('172.20.0.2'), web('172.20.0.3'))).toEqual(['web', 'small']);
    expect(looksAt(web('172.20.0.2'), undefined)).toEqual(['web', 'small']);
  });
});
