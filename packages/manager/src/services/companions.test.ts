import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Task } from '../model/index.ts';
import { boundTo } from '../scheduler/demand.ts';
import { isPending } from '../scheduler/task-load.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService, aTask } from '../testing.ts';
import { reconcile } from './loop.ts';
import { decide, globalTask, task } from './testing.ts';

const sidecar = aService('side', {
  Spec: { ...aService('side').Spec, Labels: { 'shoal.network': 'service:web' } },
});
const shares = { networkMode: 'service:web' };
const beside = (id: string, node = 'n1') => ({
  ...shares,
  companion: { taskId: id, nodeId: node, container: `web.1.${id}` },
});
const next = (tasks: Task[], web: Task[], service = sidecar) =>
  decide({ service, tasks, companions: (name) => (name === 'web' ? web : []) });

describe('a task that shares the network of another', () => {
  it('goes where that runs: to the one in its slot, if there is one', () => {
    const second = task('w2', { slot: 2, node: 'n2' });
    const { create } = next([], [second, task('w1', { slot: 1, node: 'n3' })]);
    expect(create).toMatchObject([
      {
        shoal: { ...shares, companion: { taskId: 'w1', nodeId: 'n3', container: 'web.1.w1' } },
      },
    ]);
    expect(create[0]?.shoal).not.toHaveProperty('networks');
  });

  it('waits, and says for what, until there is one', () => {
    const text = 'no running task of service web, whose network it shares';
    const { create } = next([], []);
    expect(create).toMatchObject([{ shoal: { lacksCompanion: text } }]);
    const waiting = task('s1', {
      state: 'pending',
      node: '',
      shoal: { ...shares, lacksCompanion: text },
    });
    expect(next([waiting], [])).toMatchObject({ create: [], update: [] });
    const [joined] = next([waiting], [task('w1')]).update;
    expect(joined?.shoal.companion).toMatchObject({ taskId: 'w1', nodeId: 'n1' });
    expect(joined?.shoal).not.toHaveProperty('lacksCompanion');
  });

  it('waits for the one in its slot while others run, also between its end and its next start', () => {
    const text = 'no running task of service web in slot 1, whose network it shares';
    const second = task('w2', { slot: 2, node: 'n2' });
    for (const own of [task('w1', { state: 'starting' }), task('w1', { state: 'failed' })])
      expect(next([], [second, own]).create).toMatchObject([{ shoal: { lacksCompanion: text } }]);
    const leaving = task('w1', { change: { DesiredState: 'remove' } });
    expect(next([], [second, leaving]).create).toMatchObject([{ shoal: { companion: { taskId: 'w2' } } }]);
  });

  it('of a global service joins the one on its node', () => {
    const everywhere = aService('side', { Spec: { ...sidecar.Spec, Mode: { Global: {} } } });
    const { create } = next([], [globalTask('w2', 'n2'), task('w1', { node: 'n3' })], everywhere);
    expect(create.map(({ NodeID, shoal }) => [NodeID, shoal.companion?.taskId])).toEqual([
      ['n1', undefined],
      ['n2', 'w2'],
      ['n3', 'w1'],
    ]);
  });

  it('starts anew with the next when the other one ends or is about to', () => {
    const mine = task('s1', { shoal: beside('w1') });
    expect(next([mine], [task('w1')])).toMatchObject({ create: [], update: [] });
    const replaced = [task('w1', { change: { DesiredState: 'shutdown' } }), task('w9', { node: 'n2' })];
    expect(next([mine], replaced)).toMatchObject({
      update: [{ ID: 's1', DesiredState: 'shutdown', shoal: { stopReason: 'companion-ended' } }],
      create: [{ shoal: { companion: { taskId: 'w9', nodeId: 'n2' } } }],
    });
    expect(next([mine], [])).toMatchObject({
      update: [{ ID: 's1', DesiredState: 'shutdown' }],
      create: [{ shoal: { lacksCompanion: expect.stringContaining('no running task of service web') } }],
    });
  });

  it('spreads over those that there are', () => {
    const two = aService('side', { Spec: { ...sidecar.Spec, Mode: { Replicated: { Replicas: 2 } } } });
    const web = [task('w8', { slot: 8 }), task('w9', { slot: 9 })];
    const { create } = next([], web, two);
    expect(create.map(({ shoal }) => shoal.companion?.taskId)).toEqual(['w8', 'w9']);
  });

  it('is left alone by the scheduler until then, and bound to that node afterwards', () => {
    const waits = task('s1', { state: 'pending', node: '', shoal: shares });
    expect([isPending(waits), boundTo(waits)]).toEqual([false, undefined]);
    const joined = task('s1', { state: 'pending', node: '', shoal: beside('w1') });
    expect([isPending(joined), boundTo(joined)]).toEqual([true, 'n1']);
  });

  it('finds the service by its name in the store', async () => {
    const store = await TestStore.open(memoryBackend(), () => 0);
    let made = 0;
    await store.update((tx) => {
      tx.nodes.create(aNode('n1'));
      tx.services.create(aService('web1', { Spec: { ...aService('web').Spec } }));
      tx.services.create(sidecar);
      tx.tasks.create(
        aTask('w1', {
          ServiceID: 'web1',
          NodeID: 'n1',
          Status: { Timestamp: '', State: 'running' },
        }),
      );
      reconcile(tx, ['side'], 0, { ids: () => `new${++made}`, log: pino({ level: 'silent' }) });
    });
    expect(store.view.tasks.get('new1')?.shoal.companion).toEqual({
      taskId: 'w1',
      nodeId: 'n1',
      container: 'web.1.w1',
    });
    expect(store.view.services.by('companion', 'web').map(({ ID }) => ID)).toEqual(['side']);
  });
});
