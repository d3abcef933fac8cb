import { describe, expect, it } from 'vitest';
import { type Node, pendingText, type Service, type Task } from '../model/index.ts';
import { aNode, aService, aTask, type NodeChange, type TaskChange } from '../testing.ts';
import { now, viewOf } from './arbitraries.fixture.ts';
import { ClusterState } from './cluster-state.ts';
import { explainTask } from './explain.ts';
import { schedule } from './schedule.ts';

const ContainerSpec = {
  Image: 'db:1',
  Mounts: [{ Type: 'volume' as const, Source: 'data', Target: '/data' }],
};
const aDb = (volumes: Service['shoal']['volumes'], Labels: Record<string, string> = {}): Service =>
  aService('db', { Spec: { Name: 'db', Labels }, shoal: { specVersion: 1, ...(volumes && { volumes }) } });
const waiting = (id: string, change: TaskChange = {}): Task =>
  aTask(id, { ServiceID: 'db', Spec: { ContainerSpec }, ...change });
const nodes = (n1: NodeChange = {}): Node[] => [aNode('n1', n1), aNode('n2'), aNode('n3')];
const drained: NodeChange = { Spec: { Availability: 'drain' } };

/** Where each of the tasks goes, or why nowhere; to `explain` a task says the same. */
function places(service: Service, all: readonly Node[], tasks: readonly Task[]): Record<string, string> {
  const view = viewOf(all, tasks, [service]);
  const { placed, pending } = schedule(ClusterState.from(view), tasks, { now, seed: 0 });
  for (const { taskId, reasons } of pending) {
    const task = view.tasks.get(taskId) as Task;
    expect(explainTask(view, task, now).text).toBe(pendingText(reasons));
  }
  return Object.fromEntries([
    ...placed.map(({ taskId, nodeId }) => [taskId, nodeId]),
    ...pending.map(({ taskId, reasons }) => [taskId, pendingText(reasons)]),
  ]);
}

describe('a slot with a local volume', () => {
  const held = { 'slot:1': { data: 'n1' }, 'slot:2': { data: 'n2' } };

  it('gets its task where the volume is, each its own', () => {
    const tasks = [waiting('a'), waiting('b', { Slot: 2 })];
    for (let i = 0; i < 5; i++) expect(places(aDb(held), nodes(), tasks)).toEqual({ a: 'n1', b: 'n2' });
  });

  it('waits for that node, and says for which', () => {
    expect(places(aDb(held), nodes(drained), [waiting('a')])).toEqual({
      a: 'no suitable node (its volume is not on 2 nodes: data is on n1, and would begin empty elsewhere (label shoal.volume=new allows that); 1 node drained or paused)',
    });
    expect(places(aDb(held), nodes({ judged: { state: 'down' } }), [waiting('a')])['a']).toContain(
      '1 node not ready',
    );
  });

  it('goes elsewhere with shoal.volume=new, but only while that node can not take it', () => {
    const anew = aDb(held, { 'shoal.volume': 'new' });
    expect(places(anew, nodes(), [waiting('a')])).toEqual({ a: 'n1' });
    expect(places(anew, nodes(drained), [waiting('a')])['a']).toMatch(/^n[23]$/);
    const large = { ContainerSpec, Resources: { Reservations: { NanoCPUs: 1.5e9 } } };
    const other = aTask('other', { NodeID: 'n1', Spec: large, Status: { State: 'running' } });
    expect(places(anew, nodes(), [waiting('a', { Spec: large })])).toEqual({ a: 'n1' });
    const view = viewOf(nodes(), [other, waiting('a', { Spec: large })], [anew]);
    const { placed } = schedule(ClusterState.from(view), [waiting('a', { Spec: large })], { now, seed: 0 });
    expect(placed[0]?.nodeId).toMatch(/^n[23]$/);
  });

  it('goes anywhere once that node is removed, where nothing is on record, and without the volume', () => {
    const gone = aDb({ 'slot:1': { data: 'n9' } });
    for (const service of [gone, aDb(undefined), aDb({ 'slot:2': { data: 'n1' } })])
      expect(places(service, nodes(drained), [waiting('a')])['a']).toMatch(/^n[23]$/);
    const without = waiting('a', { Spec: { ContainerSpec: { Image: 'db:1' } } });
    expect(places(aDb(held), nodes(drained), [without])['a']).toMatch(/^n[23]$/);
  });

  it('whose volumes are on two nodes has no place', () => {
    const Mounts = ['data', 'logs'].map((Source) => ({
      Type: 'volume' as const,
      Source,
      Target: `/${Source}`,
    }));
    const task = waiting('a', { Spec: { ContainerSpec: { Image: 'db:1', Mounts } } });
    expect(places(aDb({ 'slot:1': { data: 'n1', logs: 'n2' } }), nodes(), [task])['a']).toContain(
      'its volume is not on 3 nodes: data is on n1, logs is on n2',
    );
  });
});
