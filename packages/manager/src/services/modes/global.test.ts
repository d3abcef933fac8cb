import { describe, expect, it } from 'vitest';
import type { Node } from '../../model/index.ts';
import { aNode, aService } from '../../testing.ts';
import { decide, globalTask, nodesOf, threeNodes } from '../testing.ts';

const TaskTemplate = { Placement: { Constraints: ['node.labels.disk!=slow'] } };
const service = aService('agent', { Spec: { TaskTemplate, Mode: { Global: {} } } });
const drained = (id: string) => aNode(id, { Spec: { Availability: 'drain' } });
const paused = (id: string) => aNode(id, { Spec: { Availability: 'pause' } });
const down = (id: string) => aNode(id, { judged: { state: 'down' } });
const slow = (id: string) => aNode(id, { Spec: { Labels: { disk: 'slow' } } });
const decideOn = (nodes: Node[], ...tasks: ReturnType<typeof globalTask>[]) =>
  decide({ service, nodes: nodesOf(...nodes), tasks });

describe('a global service', () => {
  it('has one task on each node that may run it', () => {
    const nodes = [aNode('n1'), drained('n2'), down('n3'), slow('n4'), paused('n5'), aNode('n6')];
    const { create } = decideOn(nodes);
    expect(create.map(({ NodeID }) => NodeID)).toEqual(['n1', 'n6']);
    expect(create[0]).not.toHaveProperty('Slot');
  });

  it('is at rest then', () => {
    const tasks = ['n1', 'n2', 'n3'].map((node) => globalTask(node, node));
    expect(decide({ service, nodes: threeNodes, tasks })).toMatchObject({
      create: [],
      update: [],
      remove: [],
    });
  });

  it.each([
    ['drained', drained('n1'), 'node-drained'],
    ['down', down('n1'), 'node-down'],
    ['unfit', slow('n1'), 'node-unfit'],
  ])('stops on a node that is %s, and starts nowhere else', (_, node, stopReason) => {
    const { create, update } = decideOn([node], globalTask('a', 'n1'));
    expect(create).toEqual([]);
    expect(update).toMatchObject([{ ID: 'a', DesiredState: 'shutdown', shoal: { stopReason } }]);
  });

  it('comes back with the node', () => {
    const stopped = globalTask('a', 'n1', {
      change: { DesiredState: 'shutdown' },
      shoal: { stopReason: 'node-down' },
    });
    expect(decideOn([down('n1')], stopped)).toMatchObject({ create: [], update: [] });
    expect(decideOn([aNode('n1')], stopped).create).toMatchObject([
      { NodeID: 'n1', DesiredState: 'running' },
    ]);
  });

  it('comes back with its present version, and no update for it', () => {
    const old = globalTask('a', 'n1', {
      change: { DesiredState: 'shutdown' },
      shoal: { stopReason: 'node-down', specVersion: 0 },
    });
    const decision = decideOn([aNode('n1')], old);
    expect(decision.create).toMatchObject([{ shoal: { specVersion: 1 } }]);
    expect(decision.service).toBeUndefined();
  });

  it('stays on a paused node, but does not restart there', () => {
    expect(decideOn([paused('n1')], globalTask('a', 'n1'))).toMatchObject({ create: [], update: [] });
    const failed = globalTask('a', 'n1', { state: 'failed' });
    expect(decideOn([paused('n1')], failed).create).toEqual([]);
    expect(decideOn([aNode('n1')], failed).create).toMatchObject([{ NodeID: 'n1', DesiredState: 'ready' }]);
  });

  it('forgets a node that was removed', () => {
    const tasks = [
      globalTask('a', 'n1'),
      globalTask('old', 'n1', { state: 'failed', change: { DesiredState: 'shutdown' } }),
    ];
    expect(decideOn([], ...tasks)).toMatchObject({ create: [], update: [], remove: ['a', 'old'] });
  });
});
