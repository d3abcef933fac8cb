import { describe, expect, it } from 'vitest';
import type { Node } from '../../model/index.ts';
import { aNode, aService, aTask } from '../../testing.ts';
import { anApi, aSpec, filters } from '../testing.ts';

const running = { Timestamp: '', State: 'running' } as const;

describe('resolving', () => {
  const seeded = () =>
    anApi((tx) => {
      tx.services.create(aService('abc1', { Spec: aSpec({ Name: 'one' }) }));
      tx.services.create(aService('abc2', { Spec: aSpec({ Name: 'abc' }) }));
      tx.services.create(aService('abd3', { Spec: aSpec({ Name: 'three' }) }));
    });

  it.each([
    ['abc1', 'abc1'],
    ['three', 'abd3'],
    ['abc', 'abc2'],
    ['abd', 'abd3'],
  ])('takes an id, else a name, else the beginning of one id: %s', async (given, id) => {
    const { call } = await seeded();
    expect((await call('GET', `/services/${given}`)).body.ID).toBe(id);
  });

  it('refuses what is ambiguous or unknown', async () => {
    const { call } = await seeded();
    expect(await call('GET', '/services/ab')).toMatchObject({
      status: 400,
      body: { message: 'service ab is ambiguous (3 matches found)' },
    });
    for (const [method, path] of [
      ['GET', '/services/x'],
      ['DELETE', '/services/x'],
    ] as const) {
      expect(await call(method, path)).toMatchObject({
        status: 404,
        body: { message: 'service x not found' },
      });
    }
    expect(await call('GET', `/services/${'x'.repeat(400)}`)).toMatchObject({ status: 404 });
  });
});

describe('reading', () => {
  const seeded = () =>
    anApi((tx) => {
      tx.services.create(aService('s1', { Spec: aSpec({ Name: 'web', Labels: { tier: 'front', x: '' } }) }));
      tx.services.create(aService('s2', { Spec: aSpec({ Name: 'web-2', Mode: { Global: {} } }) }));
      tx.services.create(aService('s3', { Spec: aSpec({ Name: 'db', Labels: { tier: 'back' } }) }));
      tx.nodes.create(aNode('n1'));
      tx.nodes.create(aNode('n2'));
      tx.tasks.create(aTask('t1', { ServiceID: 's1', Status: running, NodeID: 'n1' }));
      tx.tasks.create(aTask('t2', { ServiceID: 's2', Status: running, NodeID: 'n1' }));
      tx.tasks.create(aTask('t3', { ServiceID: 's2', NodeID: 'n2' }));
    });

  it.each([
    [{}, ['s1', 's2', 's3']],
    [{ name: ['web'] }, ['s1', 's2']],
    [{ name: ['web', 'db'] }, ['s1', 's2', 's3']],
    [{ id: ['s3'] }, ['s3']],
    [{ label: ['tier'] }, ['s1', 's3']],
    [{ label: ['tier=back'] }, ['s3']],
    [{ label: ['tier=front', 'x'] }, ['s1']],
    [{ mode: ['global'] }, ['s2']],
    [{ name: ['web'], mode: ['replicated'] }, ['s1']],
    [{ runtime: ['plugin'] }, []],
  ])('filters %j', async (wanted, ids) => {
    const { call } = await seeded();
    const { body } = await call('GET', `/services?${filters(wanted)}`);
    expect(body.map(({ ID }: { ID: string }) => ID)).toEqual(ids);
  });

  it('understands the older form of filters, and refuses wrong ones', async () => {
    const { call } = await seeded();
    expect((await call('GET', '/services?filters={"name":["db"]}')).body).toHaveLength(1);
    for (const wrong of ['{"nam":["db"]}', '{"name":[1]}', '{"name":3}', 'name=db', '[]']) {
      const { status, body } = await call('GET', `/services?filters=${encodeURIComponent(wrong)}`);
      expect([status, body.message]).toEqual([400, expect.stringMatching(/^invalid filter/)]);
    }
  });

  it('counts tasks when asked', async () => {
    const { call } = await seeded();
    const { body } = await call('GET', '/services?status=true');
    expect(body.map(({ ServiceStatus }: { ServiceStatus: object }) => ServiceStatus)).toEqual([
      { RunningTasks: 1, DesiredTasks: 1, CompletedTasks: 0 },
      { RunningTasks: 1, DesiredTasks: 2, CompletedTasks: 0 },
      { RunningTasks: 0, DesiredTasks: 1, CompletedTasks: 0 },
    ]);
    expect((await call('GET', '/services')).body[0]).not.toHaveProperty('ServiceStatus');
    expect((await call('GET', '/services?status=maybe')).body.message).toMatch(
      /^invalid value for status: maybe/,
    );
  });

  it('counts none that it cannot know to run: their node is down, or gone', async () => {
    const { call, store } = await seeded();
    const counts = async () =>
      (await call('GET', '/services?status=true')).body.map(
        ({ ServiceStatus }: { ServiceStatus: Record<string, number> }) =>
          `${ServiceStatus.RunningTasks}/${ServiceStatus.DesiredTasks}`,
      );
    const turn = (state: Node['judged']['state']) =>
      store.update((tx) => {
        const node = tx.nodes.get('n1');
        if (node) tx.nodes.update({ ...node, judged: { state } });
      });
    await store.update((tx) => {
      // As it is once a dead node's only task has been given up, and its successor waits for room.
      const t1 = tx.tasks.get('t1');
      if (t1) tx.tasks.update({ ...t1, DesiredState: 'shutdown', shoal: { ...t1.shoal, orphaned: true } });
      tx.tasks.create(aTask('t4', { ServiceID: 's1' }));
    });
    await turn('down');
    expect(await counts()).toEqual(['0/1', '0/2', '0/1']);
    // An agent that is away says nothing about its host.
    await turn('disconnected');
    expect(await counts()).toEqual(['1/1', '1/2', '0/1']);
    await store.update((tx) => tx.nodes.remove('n1'));
    expect(await counts()).toEqual(['0/1', '0/2', '0/1']);
  });

  it('fills in what applies by default when asked', async () => {
    const { call } = await seeded();
    const { body } = await call('GET', '/services/web?insertDefaults=true');
    expect(body.Spec).toMatchObject({
      TaskTemplate: {
        ContainerSpec: { StopGracePeriod: 10e9 },
        RestartPolicy: { Condition: 'any', Delay: 5e9, MaxAttempts: 0 },
      },
      UpdateConfig: { Parallelism: 1, Monitor: 5e9, Order: 'start-first', FailureAction: 'rollback' },
      RollbackConfig: { Parallelism: 1, FailureAction: 'pause' },
    });
  });
});
