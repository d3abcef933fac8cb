import { describe, expect, it } from 'vitest';
import { aNode, aService, aTask, withStatus } from '../../testing.ts';
import { anApi, aSpec, filters } from '../testing.ts';

const seeded = () =>
  anApi((tx) => {
    tx.nodes.create(aNode('n1', { reported: { description: { Hostname: 'alpha' } } }));
    tx.services.create(
      aService('s1', { Spec: aSpec({ Labels: { tier: 'front' } }), shoal: { specVersion: 2 } }),
    );
    tx.services.create(aService('s2', { Spec: aSpec({ Name: 'db' }) }));
    tx.tasks.create(aTask('t1', { ServiceID: 's1', Slot: 1, NodeID: 'n1', DesiredState: 'shutdown' }));
    tx.tasks.create(aTask('t2', { ServiceID: 's1', Slot: 2, shoal: { specVersion: 2, ports: [] } }));
    const { Slot: _, ...global } = aTask('t3', { ServiceID: 's2', NodeID: 'n1' });
    tx.tasks.create(global);
  });

describe('reading tasks', () => {
  it('shows them as Docker does', async () => {
    const { call } = await seeded();
    const { body } = await call('GET', '/tasks/t2');
    expect(body).toMatchObject({
      ID: 't2',
      ServiceID: 's1',
      Slot: 2,
      Labels: {},
      Spec: { ForceUpdate: 0 },
      Status: { State: 'pending', PortStatus: {} },
      DesiredState: 'running',
    });
    expect(body).not.toHaveProperty('shoal');
    expect((await call('GET', '/tasks/t3')).body).not.toHaveProperty('Slot');
  });

  it.each([
    [{}, ['t1', 't2', 't3']],
    [{ service: ['web'] }, ['t1', 't2']],
    [{ service: ['s1', 'db'] }, ['t1', 't2', 't3']],
    [{ node: ['alpha'] }, ['t1', 't3']],
    [{ node: ['n1'], service: ['web'] }, ['t1']],
    [{ id: ['t3'] }, ['t3']],
    [{ name: ['web.2'] }, ['t2']],
    [{ label: ['tier=front'] }, ['t1', 't2']],
    [{ 'desired-state': ['RUNNING'] }, ['t2', 't3']],
    [{ 'desired-state': ['shutdown', 'running'] }, ['t1', 't2', 't3']],
    [{ service: ['s1'], '_up-to-date': ['true'] }, ['t2']],
  ])('filters %j', async (wanted, ids) => {
    const { call } = await seeded();
    const { body } = await call('GET', `/tasks?${filters(wanted)}`);
    expect(body.map(({ ID }: { ID: string }) => ID)).toEqual(ids);
  });

  it('tells that what is in a volume is on another host, as long as it lives', async () => {
    const leftBehind = [{ volume: 'data', host: 'alpha' }];
    const placement = { at: '', scores: {}, leftBehind };
    const { call } = await anApi((tx) => {
      tx.tasks.create(aTask('t1', { Status: { State: 'running', Message: 'started' }, placement }));
      tx.tasks.create(aTask('t2', { Status: { State: 'failed', Message: 'started' }, placement }));
    });
    expect((await call('GET', '/tasks/t1')).body.Status.Message).toBe(
      'started; volume data begins empty on this host, unless it had one: what was written on alpha stays there',
    );
    expect((await call('GET', '/tasks/t2')).body.Status.Message).toBe('started');
  });

  it('tells why the manager asked one to stop', async () => {
    const { call } = await anApi((tx) => {
      const Status = { Timestamp: '', State: 'shutdown', Message: 'shutdown' } as const;
      tx.tasks.create(
        aTask('t1', { Status, shoal: { specVersion: 1, ports: [], stopReason: 'rebalanced' } }),
      );
    });
    expect((await call('GET', '/tasks/t1')).body.Status.Message).toBe('shutdown: rebalanced');
  });

  it('calls them orphaned as long as their node is down, and says why', async () => {
    const { call, store } = await seeded();
    const start = { Timestamp: 'then', State: 'running', Message: 'started' } as const;
    await store.update((tx) => {
      for (const id of ['t1', 't3']) {
        const task = tx.tasks.get(id);
        if (task) tx.tasks.update(withStatus(task, id === 't1' ? start : { ...start, State: 'complete' }));
      }
      const node = tx.nodes.get('n1');
      if (node) tx.nodes.update({ ...node, judged: { state: 'down', why: 'no answer' } });
    });
    const status = async (id: string) => (await call('GET', `/tasks/${id}`)).body.Status;
    expect(await status('t1')).toEqual({
      Timestamp: store.view.tasks.get('t1')?.UpdatedAt,
      State: 'orphaned',
      Message: 'started',
      Err: 'its node alpha is down: no answer',
      PortStatus: {},
    });
    // What has ended is known, and what has no node is not on a dead one.
    expect([(await status('t3')).State, (await status('t2')).State]).toEqual(['complete', 'pending']);
    await store.update((tx) => {
      const node = tx.nodes.get('n1');
      if (node) tx.nodes.update({ ...node, judged: { state: 'heard' } });
    });
    expect(await status('t1')).toEqual({ ...start, PortStatus: {} });
  });

  it('says only of tasks that must run only once why they are not replaced', async () => {
    const { call, store } = await seeded();
    const Status = { Timestamp: 'then', State: 'running', Message: 'started' } as const;
    await store.update((tx) => {
      for (const id of ['t1', 't3']) {
        const task = tx.tasks.get(id);
        const isolated = id === 't3' && { isolated: true as const };
        const placed = task && { ...task, NodeID: 'n1', shoal: { ...task.shoal, ...isolated } };
        if (placed) tx.tasks.update(withStatus(placed, Status));
      }
      const node = tx.nodes.get('n1');
      if (!node) throw new Error('no node');
      tx.nodes.update({ ...node, judged: { state: 'down', why: 'no answer', leases: 'unsure' } });
    });
    const hint = /^no answer; tasks with shoal\.isolation=stop are not replaced, since/;
    const why = async (id: string) => (await call('GET', `/tasks/${id}`)).body.Status.Err;
    expect(await why('t1')).toBe('its node alpha is down: no answer');
    expect(await why('t3')).toMatch(
      /^its node alpha is down: no answer; it is not replaced, since nobody can/,
    );
    expect((await call('GET', '/nodes/n1')).body.Status.Message).toMatch(hint);
  });

  it('tells what its daemon has against new limits', async () => {
    const { call } = await anApi((tx) => {
      const Status = { Timestamp: '', State: 'running', Message: 'started' } as const;
      const refused = { resources: {}, why: 'it uses 70 MiB' };
      tx.tasks.create(aTask('t1', { Status, shoal: { specVersion: 0, ports: [], refused } }));
    });
    const { Status } = (await call('GET', '/tasks/t1')).body;
    expect(Status.Message).toBe('started; its daemon refused new limits: it uses 70 MiB');
  });

  it('finds one by the name of its container', async () => {
    const { call } = await seeded();
    expect((await call('GET', '/tasks/web.1.t1')).body.ID).toBe('t1');
    expect((await call('GET', '/tasks/db.n1.t3')).body.ID).toBe('t3');
  });

  it.each([
    ['/tasks/zz', 404, 'task zz not found'],
    ['/tasks/t', 400, 'task t is ambiguous (3 matches found)'],
    [`/tasks?${filters({ service: ['x'] })}`, 404, 'service x not found'],
    [`/tasks?${filters({ node: ['x'] })}`, 404, 'node x not found'],
    [
      `/tasks?${filters({ 'desired-state': ['x'] })}`,
      400,
      expect.stringMatching(/^invalid desired-state filter/),
    ],
    ['/shoal/v1/tasks/zz/explain', 404, 'task zz not found'],
  ])('refuses %s', async (url, status, message) => {
    const { call } = await seeded();
    expect(await call('GET', url)).toMatchObject({ status, body: { message } });
  });

  it('explains one', async () => {
    const { call } = await seeded();
    expect((await call('GET', '/shoal/v1/tasks/t1/explain')).body).toEqual({ task: 't1' });
  });
});
