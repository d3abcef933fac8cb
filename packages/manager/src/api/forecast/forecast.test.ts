import { describe, expect, it } from 'vitest';
import { aNode, aService, aTask } from '../../testing.ts';
import { anApi } from '../testing.ts';

const seeded = () =>
  anApi((tx) => {
    tx.nodes.create(aNode('n1', { reported: { description: { Hostname: 'h1' } } }));
    tx.nodes.create(aNode('n2', { reported: { description: { Hostname: 'h2' } } }));
    tx.services.create(aService('web'));
    tx.tasks.create(aTask('a', { NodeID: 'n1', Status: { Timestamp: '', State: 'running' } }));
  });

describe('a forecast', () => {
  it.each([['n1'], ['h1']])('takes nodes by id and by name: %s', async (node) => {
    const { call, store } = await seeded();
    const { revision } = store;
    const { status, body } = await call('POST', '/shoal/v1/plan', { fault: 'drain', nodes: [node, 'h1'] });
    expect(status).toBe(200);
    expect(body).toEqual({
      fault: 'drain',
      nodes: ['h1'],
      moves: [{ service: 'web', slot: 1, task: 'a', from: 'h1', to: 'h2' }],
      noRoom: [],
      stays: [],
    });
    expect(store.revision).toBe(revision);
  });

  it.each([
    [{ fault: 'flood', nodes: ['h1'] }, 400, 'fault: must be one of host-power-loss, drain'],
    [{ fault: 'drain', nodes: [] }, 400, 'nodes: must NOT have fewer than 1 items'],
    [{ fault: 'drain' }, 400, "request body: must have required property 'nodes'"],
    [{ fault: 'drain', nodes: ['h9'] }, 404, 'node h9 not found'],
    [{ fault: 'drain', nodes: ['n'] }, 400, 'node n is ambiguous (2 matches found)'],
    [{ fault: 'drain', nodes: ['h1'], now: true }, 400, 'now: unknown field'],
  ])('refuses %j', async (question, status, message) => {
    const { call } = await seeded();
    const answer = await call('POST', '/shoal/v1/plan', question);
    expect([answer.status, answer.body.message]).toEqual([status, message]);
  });

  it('takes so many nodes that finding them is soon done', async () => {
    const { call } = await seeded();
    const nodes = Array.from({ length: 1_001 }, () => 'h1');
    expect(await call('POST', '/shoal/v1/plan', { fault: 'drain', nodes })).toMatchObject({
      status: 400,
      body: { message: 'nodes: must NOT have more than 1000 items' },
    });
  });
});
