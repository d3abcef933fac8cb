import { describe, expect, it } from 'vitest';
import { stateOf } from '../../model/index.ts';
import { makeTables } from '../../store/tables.ts';
import type { TestStore } from '../../store/testing.ts';
import { aNode, aTask } from '../../testing.ts';
import { nodeView } from '../objects/views.ts';
import { anApi, filters, testClock } from '../testing.ts';

const seeded = () =>
  anApi((tx) => {
    tx.nodes.create(
      aNode('n1', {
        Spec: { Availability: 'active', Labels: { zone: 'a' } },
        reported: { runsManager: true },
      }),
    );
    tx.nodes.create(aNode('n2', { judged: { state: 'down' } }));
    tx.nodes.create(
      aNode('n3', { reported: { description: { Hostname: 'n2', Engine: { Labels: { ssd: 'yes' } } } } }),
    );
    const NodeID = 'n1';
    tx.tasks.create(aTask('t1', { NodeID, Status: { Timestamp: '', State: 'running' } }));
    tx.tasks.create(aTask('t2', { NodeID, Status: { Timestamp: '', State: 'failed' } }));
  });

function stateIn({ view }: TestStore, id: string) {
  const task = view.tasks.get(id);
  return task && stateOf(task);
}

describe('reading nodes', () => {
  it('shows them without what is only Shoal’s', async () => {
    const { call } = await seeded();
    const { body } = await call('GET', '/nodes/n1');
    expect(body).toMatchObject({ ID: 'n1', Spec: { Role: 'manager', Labels: { zone: 'a' } } });
    expect(body).not.toHaveProperty('shoal');
  });

  it('says what one is short of, unless there is worse to say', async () => {
    const pressures = [{ kind: 'memory', message: 'short of memory: 42 MiB available of 2 GiB' }];
    const { call } = await anApi((tx) => {
      tx.nodes.create(aNode('n1', { reported: { pressures } }));
      tx.nodes.create(
        aNode('n2', { reported: { pressures }, judged: { state: 'down', why: 'no word from the agent' } }),
      );
    });
    const messages = ['n1', 'n2'].map(async (id) => (await call('GET', `/nodes/${id}`)).body.Status.Message);
    expect(await Promise.all(messages)).toEqual([
      'the host is short of memory: 42 MiB available of 2 GiB',
      'no word from the agent',
    ]);
  });

  it.each([
    [{}, ['n1', 'n2', 'n3']],
    [{ name: ['n2'] }, ['n2', 'n3']],
    [{ id: ['n3'] }, ['n3']],
    [{ role: ['manager'] }, ['n1']],
    [{ membership: ['accepted'] }, ['n1', 'n2', 'n3']],
    [{ membership: ['pending'] }, []],
    [{ label: ['ssd=yes'] }, ['n3']],
    [{ 'node.label': ['zone'] }, ['n1']],
  ])('filters %j', async (wanted, ids) => {
    const { call } = await seeded();
    const { body } = await call('GET', `/nodes?${filters(wanted)}`);
    expect(body.map(({ ID }: { ID: string }) => ID)).toEqual(ids);
  });

  it('shows what is thought of one, and why', async () => {
    const { call } = await seeded();
    const { body } = await call('GET', '/shoal/v1/nodes/n1/liveness');
    expect(body).toMatchObject({ node: 'n1', state: 'heard', valve: { open: false } });
    expect((await call('GET', '/shoal/v1/nodes/zz/liveness')).status).toBe(404);
  });

  it('says how long one rests that went down again and again', async () => {
    const { call } = await anApi((tx) => {
      tx.nodes.create(aNode('n1'));
      const flapping = { falls: 3, backAt: testClock() - 4_000 };
      tx.nodes.create(aNode('n2', { allotted: { number: 2 }, flapping }));
    });
    const rests = ['n1', 'n2'].map(
      async (id) => (await call('GET', `/shoal/v1/nodes/${id}/liveness`)).body.restMs,
    );
    expect(await Promise.all(rests)).toEqual([0, 6_000]);
  });

  it('refuses what is ambiguous, unknown or no filter', async () => {
    const { call } = await anApi((tx) => {
      tx.nodes.create(aNode('a1', { reported: { description: { Hostname: 'h' } } }));
      tx.nodes.create(aNode('a2', { reported: { description: { Hostname: 'h' } } }));
    });
    const messages = ['/nodes/h', '/nodes/zz', `/nodes?${filters({ role: ['boss'] })}`].map(async (url) => {
      const { status, body } = await call('GET', url);
      return [status, body.message];
    });
    expect(await Promise.all(messages)).toEqual([
      [400, 'node h is ambiguous (2 matches found)'],
      [404, 'node zz not found'],
      [400, "invalid role filter: 'boss' (one of worker, manager)"],
    ]);
  });
});

describe('updating a node', () => {
  it('replaces its spec', async () => {
    const { call, store } = await seeded();
    const spec = { Role: 'manager', Availability: 'drain', Name: 'one', Labels: { zone: 'b' } };
    expect(await call('POST', '/nodes/n1/update?version=1', spec)).toMatchObject({ status: 200, text: '' });
    expect(store.view.nodes.get('n1')?.Spec).toEqual(spec);
  });

  it('is not refused because its status moved on, but because another changed its spec', async () => {
    const { call, store } = await anApi((tx) => {
      tx.nodes.create(aNode('n1', { reported: { runsManager: true }, replacedIndex: 0 }));
    });
    await store.update((tx) => {
      const node = tx.nodes.get('n1');
      if (node) tx.nodes.update({ ...node, judged: { state: 'down', why: 'news' } });
    });
    const drain = { Role: 'manager', Availability: 'drain' };
    expect(await call('POST', '/nodes/n1/update?version=1', drain)).toMatchObject({ status: 200 });
    expect(await call('POST', '/nodes/n1/update?version=1', drain)).toMatchObject({ status: 500 });
    expect(await call('POST', '/nodes/n1/update?version=2', drain)).toMatchObject({ status: 500 });
    expect(await call('POST', '/nodes/n1/update?version=3', drain)).toMatchObject({ status: 200 });
  });

  it.each([
    ['version=9', { Role: 'manager', Availability: 'active' }, 500, /update out of sequence$/],
    ['', { Role: 'manager', Availability: 'active' }, 400, /^invalid node version ''/],
    ['version=1', { Role: 'worker', Availability: 'active' }, 400, /^Role: a cluster has one manager/],
    ['version=1', {}, 400, /^invalid Role: "" \(it must be worker or manager\)$/],
    [
      'version=1',
      { Role: 'manager', Availability: '' },
      400,
      /^invalid Availability: "" \(it must be active, pause or drain\)$/,
    ],
    ['version=1', { Role: 'manager', Availability: 'gone' }, 400, /^Availability: must be one of/],
    ['version=1', { Role: 'manager', Label: {} }, 400, /^Label: unknown field/],
  ])('is refused and changes nothing: %s %j', async (query, spec, status, message) => {
    const { call, store } = await seeded();
    const answer = await call('POST', `/nodes/n1/update?${query}`, spec);
    expect([answer.status, answer.body.message]).toEqual([status, expect.stringMatching(message)]);
    expect(store.view.nodes.get('n1')?.Version.Index).toBe(1);
  });
});

it('the manager is shown at an address that others can reach', () => {
  const node = aNode('n1', { reported: { address: '192.0.2.1', runsManager: true } });
  const { Spec, ManagerStatus } = nodeView(makeTables(), node, new Map(), '0.0.0.0:2480');
  expect([Spec.Role, ManagerStatus?.Addr]).toEqual(['manager', '192.0.2.1:2480']);
});

describe('removing a node', () => {
  it('is refused while it is not down, unless forced', async () => {
    const { call, store } = await seeded();
    await store.update((tx) => {
      const node = tx.nodes.get('n1');
      if (node) tx.nodes.update({ ...node, reported: aNode('n1').reported });
    });
    expect(await call('DELETE', '/nodes/n1')).toMatchObject({
      status: 400,
      body: {
        message: "rpc error: code = FailedPrecondition desc = node n1 is not down and can't be removed",
      },
    });
    expect((await call('DELETE', '/nodes/n1?force=1')).status).toBe(200);
    expect(store.view.nodes.get('n1')).toBeUndefined();
    expect(stateIn(store, 't1')).toBe('orphaned');
    expect(stateIn(store, 't2')).toBe('failed');
  });

  it('is refused for the one that runs the manager, by force or not; when it is down, force is needed', async () => {
    const { call, store } = await anApi((tx) => {
      tx.nodes.create(aNode('n1', { reported: { runsManager: true } }));
      tx.tasks.create(aTask('t1', { NodeID: 'n1', Status: { Timestamp: '', State: 'running' } }));
    });
    const begin =
      "rpc error: code = FailedPrecondition desc = node n1 is a cluster manager and can't be removed: its host runs this manager.";
    const refused = async (force: string, end: string) =>
      expect(await call('DELETE', `/nodes/n1${force}`)).toMatchObject({
        status: 400,
        body: { message: `${begin} ${end}` },
      });
    for (const force of ['', '?force=1'])
      await refused(force, 'To keep tasks off it, set its availability to drain');
    expect(stateIn(store, 't1')).toBe('running');
    await store.update((tx) => {
      const node = tx.nodes.get('n1');
      if (node) tx.nodes.update({ ...node, judged: { state: 'down' } });
    });
    await refused('', 'If the manager runs elsewhere by now, remove it by force');
    expect((await call('DELETE', '/nodes/n1?force=1')).status).toBe(200);
  });

  it('is done for one that is down', async () => {
    const { call } = await seeded();
    expect((await call('DELETE', '/nodes/n2')).status).toBe(200);
    expect((await call('GET', '/nodes?')).body).toHaveLength(2);
  });
});
