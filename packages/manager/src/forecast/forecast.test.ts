import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Node, Service, Task } from '../model/index.ts';
import { makeTables } from '../store/tables.ts';
import { aNode, aService, aTask } from '../testing.ts';
import { type Fault, forecast } from './forecast.ts';

const now = Date.UTC(2026, 0, 1);
const log = pino({ level: 'silent' });

const runningOn = (NodeID: string, id: string, change: Partial<Task> = {}): Task =>
  aTask(id, {
    NodeID,
    Status: { Timestamp: '2026-01-01T00:00:00.000Z', State: 'running' },
    ...change,
  });

function ask(
  world: { nodes: Node[]; services: Service[]; tasks: Task[] },
  fault: Fault,
  ...ids: readonly string[]
) {
  const tables = makeTables();
  for (const node of world.nodes) tables.nodes.put(node);
  for (const service of world.services) tables.services.put(service);
  for (const task of world.tasks) tables.tasks.put(task);
  const struck = ids.flatMap((id) => tables.nodes.get(id) ?? []);
  return forecast(tables, fault, struck, { now, log });
}

const services = [aService('web')];
const nodes = ['n1', 'n2', 'n3'].map((id) => aNode(id));

describe('a forecast', () => {
  it('names the task that goes, and where its replacement would run', () => {
    const tasks = [runningOn('n1', 'a')];
    expect(ask({ nodes: nodes.slice(0, 2), services, tasks }, 'host-power-loss', 'n1')).toEqual({
      fault: 'host-power-loss',
      nodes: ['n1'],
      moves: [{ service: 'web', slot: 1, task: 'a', from: 'n1', to: 'n2' }],
      noRoom: [],
      stays: [],
    });
  });

  it('says where what must run only once goes in the end', () => {
    const { Spec } = aService('web');
    const isolated = aService('web', { Spec: { ...Spec, Labels: { 'shoal.isolation': 'stop' } } });
    const tasks = [runningOn('n1', 'a', { shoal: { specVersion: 1, ports: [], isolated: true } })];
    const { moves } = ask({ nodes: nodes.slice(0, 2), services: [isolated], tasks }, 'host-power-loss', 'n1');
    expect(moves).toMatchObject([{ task: 'a', to: 'n2' }]);
  });

  it('says why nothing takes it', () => {
    const tasks = [runningOn('n1', 'a')];
    const { moves, noRoom } = ask({ nodes, services, tasks }, 'drain', 'n1', 'n2', 'n3');
    expect(moves).toEqual([]);
    expect(noRoom).toEqual([
      {
        service: 'web',
        slot: 1,
        task: 'a',
        from: 'n1',
        reason: 'no suitable node (3 nodes drained or paused)',
      },
    ]);
  });

  it('leaves a global task with its node', () => {
    const { Slot: _, ...task } = runningOn('n1', 'a', { ServiceID: 'all' });
    const all = aService('all', { Spec: { Name: 'all', Mode: { Global: {} }, TaskTemplate: {} } });
    expect(ask({ nodes, services: [all], tasks: [task] }, 'host-power-loss', 'n1')).toMatchObject({
      moves: [],
      stays: [
        { service: 'all', task: 'a', from: 'n1', reason: 'its service is global: it returns with the node' },
      ],
    });
  });

  it('takes what lives in the network of a task that moves along', () => {
    const sidecar = aService('sidecar', {
      Spec: { Name: 'sidecar', Labels: { 'shoal.network': 'service:web' }, TaskTemplate: {} },
    });
    const beside = runningOn('n1', 'b', {
      ServiceID: 'sidecar',
      shoal: {
        specVersion: 1,
        ports: [],
        networkMode: 'service:web',
        companion: { taskId: 'a', nodeId: 'n1', container: 'web.1.a' },
      },
    });
    for (const fault of ['host-power-loss', 'drain'] as const) {
      const { moves } = ask(
        { nodes, services: [...services, sidecar], tasks: [runningOn('n1', 'a'), beside] },
        fault,
        'n1',
      );
      expect(moves.map(({ task }) => task)).toEqual(['b', 'a']);
      expect(moves[0]?.to).toBe(moves[1]?.to);
    }
  });

  it('moves nothing when the manager goes too', () => {
    const [first, ...others] = nodes as [Node, ...Node[]];
    const manager = { ...first, reported: { ...first.reported, runsManager: true as const } };
    const world = { nodes: [manager, ...others], services, tasks: [runningOn('n1', 'a')] };
    expect(ask(world, 'host-power-loss', 'n1')).toMatchObject({ moves: [], stays: [{ task: 'a' }] });
    expect(ask(world, 'drain', 'n1').moves).toHaveLength(1);
  });

  it('tells nodes of one name apart by their ids', () => {
    const twins = nodes.map((node) => ({
      ...node,
      reported: { ...node.reported, description: { Hostname: 'twin' } },
    }));
    expect(ask({ nodes: twins, services, tasks: [runningOn('n1', 'a')] }, 'drain', 'n1').nodes).toEqual([
      'n1',
    ]);
  });
});
