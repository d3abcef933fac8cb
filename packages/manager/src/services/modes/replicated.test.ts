import { describe, expect, it } from 'vitest';
import { aNode, aService } from '../../testing.ts';
import { decide, ended, nodesOf, task } from '../testing.ts';

const replicas = (Replicas: number) =>
  aService('web', {
    Spec: { TaskTemplate: { ContainerSpec: { Image: 'web:1' } }, Mode: { Replicated: { Replicas } } },
  });

describe('slots', () => {
  it('are numbered from 1, each with a task made from the template', () => {
    const { create } = decide({ service: replicas(3) });
    expect(create.map(({ Slot }) => Slot)).toEqual([1, 2, 3]);
    expect(create[0]).toEqual({
      ID: 'new1',
      Labels: {},
      Spec: { ContainerSpec: { Image: 'web:1' } },
      ServiceID: 'web',
      Slot: 1,
      DesiredState: 'running',
      shoal: { specVersion: 1, ports: [] },
    });
  });

  it('that are free are filled before new numbers are used', () => {
    const { create } = decide({ service: replicas(3), tasks: [task('b', { slot: 2 })] });
    expect(create.map(({ Slot }) => Slot)).toEqual([1, 3]);
  });

  it('give their tasks the ports they publish on their own node', () => {
    const port = { TargetPort: 80, PublishedPort: 80, PublishMode: 'host' } as const;
    const service = aService('web', { Spec: { EndpointSpec: { Ports: [port, { TargetPort: 81 }] } } });
    expect(decide({ service }).create[0]?.shoal.ports).toEqual([port]);
  });
});

describe('scaling down', () => {
  const victims = (to: number, tasks: ReturnType<typeof task>[], load: Record<string, number> = {}) => {
    const { update, remove } = decide({ service: replicas(to), tasks, load: (id) => load[id] ?? 0 });
    expect(update.every(({ DesiredState }) => DesiredState === 'remove')).toBe(true);
    return [...update.map(({ ID }) => ID), ...remove].sort();
  };
  const on = (node: string, slot: number, created = slot) => task(`${node}-${slot}`, { node, slot, created });

  it('takes the newest task of the node with most of them, again and again', () => {
    const tasks = [on('n1', 1), on('n2', 2), on('n1', 3), on('n1', 4), on('n2', 5)];
    expect(victims(4, tasks)).toEqual(['n1-4']);
    expect(victims(2, tasks, { n1: 3, n2: 9 })).toEqual(['n1-3', 'n1-4', 'n2-5'].sort());
  });

  it('looks at the tasks of all services where a service has equally many', () => {
    const tasks = [on('n1', 1), on('n2', 2), on('n3', 3)];
    expect(victims(2, tasks, { n1: 2, n2: 7, n3: 3 })).toEqual(['n2-2']);
  });

  it('takes what has no node first, and forgets it at once', () => {
    const waiting = task('w', { slot: 2, node: '', state: 'pending' });
    const { update, remove } = decide({ service: replicas(2), tasks: [on('n1', 1), waiting, on('n1', 3)] });
    expect({ update, remove }).toEqual({ update: [], remove: ['w'] });
  });

  it('removes the history of a slot with it', () => {
    const tasks = [on('n1', 1), on('n1', 2), ended('old', { slot: 2, created: 0 })];
    expect(victims(1, tasks)).toEqual(['n1-2', 'old']);
  });

  it('ends when the agent has stopped the task, or nobody can', () => {
    const leaving = (state: 'running' | 'shutdown', node = 'n1') =>
      task('x', { slot: 2, node, state, change: { DesiredState: 'remove' } });
    const service = replicas(1);
    expect(decide({ service, tasks: [on('n1', 1), leaving('running')] })).toMatchObject({
      update: [],
      remove: [],
    });
    expect(decide({ service, tasks: [on('n1', 1), leaving('shutdown')] }).remove).toEqual(['x']);
    expect(decide({ service, tasks: [on('n1', 1), leaving('running', 'gone')] }).remove).toEqual(['x']);
    const nodes = nodesOf(aNode('n1'), aNode('n2', { judged: { state: 'down' } }));
    expect(decide({ service, nodes, tasks: [on('n1', 1), leaving('running', 'n2')] }).remove).toEqual(['x']);
  });
});

describe('removing a service', () => {
  const service = aService('web', { shoal: { specVersion: 1, removing: true } });

  it('removes its tasks, then the service', () => {
    const tasks = [task('a'), task('b', { slot: 2, node: '', state: 'pending' }), ended('c', { slot: 2 })];
    const first = decide({ service, tasks });
    expect(first).toMatchObject({
      update: [{ ID: 'a', DesiredState: 'remove' }],
      remove: ['b', 'c'],
      removeService: false,
    });
    const stopped = task('a', { state: 'shutdown', change: { DesiredState: 'remove' } });
    expect(decide({ service, tasks: [stopped] })).toMatchObject({ remove: ['a'], removeService: true });
  });
});
