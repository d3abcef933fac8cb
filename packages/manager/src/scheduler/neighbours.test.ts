import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Node, pendingText, type Service, type Task } from '../model/index.ts';
import { aNode, aService } from '../testing.ts';
import { now, viewOf } from './arbitraries.fixture.ts';
import { ClusterState } from './cluster-state.ts';
import { explainTask } from './explain.ts';
import { schedule } from './schedule.ts';
import { aTask } from './testing.ts';

const service = (name: string, Labels: Record<string, string> = {}): Service =>
  aService(name, { Spec: { Name: name, Labels } });
const waiting = (id: string, ServiceID: string): Task => aTask(id, { ServiceID });
const on = (node: string, id: string, ServiceID: string): Task =>
  aTask(id, { ServiceID, NodeID: node, Status: { State: 'running' } });
const inZone = (id: string, zone: string): Node => aNode(id, { Spec: { Labels: { zone } } });
const nodes = [inZone('n1', 'a'), inZone('n2', 'a'), inZone('n3', 'b')];

function places(services: readonly Service[], tasks: readonly Task[], seed = 0): Record<string, string> {
  const view = viewOf(nodes, tasks, services);
  const pendingTasks = tasks.filter(({ placement }) => placement === undefined);
  const { placed, pending } = schedule(ClusterState.from(view), pendingTasks, { now, seed });
  return Object.fromEntries([
    ...placed.map(({ taskId, nodeId }) => [taskId, nodeId]),
    ...pending.map(({ taskId, reasons }) => [taskId, pendingText(reasons)]),
  ]);
}

it('explain says the same', () => {
  const services = [service('web', { 'shoal.affinity': 'db' }), service('db')];
  const task = waiting('a', 'web');
  expect(explainTask(viewOf(nodes, [task], services), task, now)).toMatchObject({
    text: places(services, [task])['a'],
    nodes: [0, 1, 2].map(() => ({
      filters: expect.arrayContaining([{ name: 'affinity', passed: false, reason: 'no task of db' }]),
    })),
  });
});

describe('shoal.affinity', () => {
  const web = service('web', { 'shoal.affinity': 'db' });
  const zonal = service('web', { 'shoal.affinity': 'db:node.labels.zone' });

  it('puts tasks on nodes that have one of the other service', () => {
    for (let seed = 0; seed < 5; seed++) {
      const tasks = [on('n2', 'd', 'db'), waiting('a', 'web'), waiting('b', 'web')];
      expect(places([web, service('db')], tasks, seed)).toEqual({ a: 'n2', b: 'n2' });
    }
  });

  it('by a label of the nodes puts them in the same branch', () => {
    const tasks = [on('n1', 'd', 'db'), waiting('a', 'web'), waiting('b', 'web')];
    expect(new Set(Object.values(places([zonal, service('db')], tasks)))).toEqual(new Set(['n1', 'n2']));
  });

  it('waits while there is none, and says for what', () => {
    const text = 'no suitable node (affinity not satisfied on 3 nodes: beside tasks of db)';
    expect(places([web], [waiting('a', 'web')])).toEqual({ a: text });
    expect(places([web, service('db')], [waiting('a', 'web')])).toEqual({ a: text });
    expect(places([zonal], [waiting('a', 'web')])['a']).toContain('beside tasks of db (by node.labels.zone)');
  });
});

describe('shoal.anti-affinity', () => {
  const apart = (by = '') => service('web', { 'shoal.anti-affinity': `db${by}` });

  it('keeps tasks off nodes, or branches of nodes, that have one of the other service', () => {
    const tasks = [on('n1', 'd', 'db'), waiting('a', 'web'), waiting('b', 'web')];
    expect(new Set(Object.values(places([apart(), service('db')], tasks)))).toEqual(new Set(['n2', 'n3']));
    expect(places([apart(':node.labels.zone'), service('db')], tasks)).toEqual({ a: 'n3', b: 'n3' });
  });

  it('holds both ways', () => {
    const tasks = [on('n1', 'a', 'web'), on('n3', 'b', 'web'), waiting('d', 'db')];
    expect(places([apart(), service('db')], tasks)).toEqual({ d: 'n2' });
    expect(places([apart(':node.labels.zone'), service('db')], tasks)).toEqual({
      d: 'no suitable node (anti-affinity not satisfied on 3 nodes: not beside tasks of web (by node.labels.zone))',
    });
  });

  it('by a label that neither node has counts on the same node only', () => {
    const bare = service('web', { 'shoal.anti-affinity': 'db:node.labels.rack' });
    const tasks = [on('n1', 'd', 'db'), waiting('a', 'web'), waiting('b', 'web')];
    expect(new Set(Object.values(places([bare, service('db')], tasks)))).toEqual(new Set(['n2', 'n3']));
  });

  it('is no concern of services that are not named', () => {
    expect(places([apart(), service('db')], [on('n1', 'd', 'db'), waiting('c', 'cache')])['c']).toMatch(/^n/);
  });
});

it('shoal.strategy.placement=binpack fills one node after the other', () => {
  const Spec = { Resources: { Reservations: { NanoCPUs: 0.5e9 } } };
  const tasks = Array.from({ length: 8 }, (_, i) => aTask(`t${i}`, { Spec }));
  const packed = Object.values(places([service('web', { 'shoal.strategy.placement': 'binpack' })], tasks));
  const counts = [...Map.groupBy(packed, (id) => id).values()].map(({ length }) => length);
  expect(counts.sort()).toEqual([4, 4]);
  const spread = Object.values(places([service('web')], tasks));
  expect(new Set(spread).size).toBe(3);
});

it('a binpack service joins what is there already', () => {
  const packs = service('web', { 'shoal.strategy.placement': 'binpack' });
  const tasks = [on('n2', 'x', 'other'), waiting('a', 'web'), waiting('b', 'web')];
  for (let seed = 0; seed < 5; seed++) expect(places([packs], tasks, seed)).toEqual({ a: 'n2', b: 'n2' });
});

it('whatever services say of each other, nobody is placed against it', () => {
  const names = ['a', 'b', 'c'];
  const by = fc.constantFrom('', ':node.labels.zone');
  const someLabels = fc.record(
    {
      'shoal.affinity': fc.tuple(fc.constantFrom(...names), by).map((parts) => parts.join('')),
      'shoal.anti-affinity': fc.tuple(fc.constantFrom(...names), by).map((parts) => parts.join('')),
    },
    { requiredKeys: [] },
  );
  const someTasks = fc.array(
    fc.record({ name: fc.constantFrom(...names), node: fc.constantFrom('', 'n1', 'n2', 'n3') }),
    {
      maxLength: 12,
    },
  );
  fc.assert(
    fc.property(fc.tuple(someLabels, someLabels, someLabels), someTasks, (labels, some) => {
      // Naming itself is refused by the API.
      const services = names.map((name, i) =>
        service(
          name,
          Object.fromEntries(Object.entries(labels[i] ?? {}).filter(([, text]) => !text.startsWith(name))),
        ),
      );
      const tasks = some.map(({ name, node }, i) =>
        node === '' ? waiting(`t${i}`, name) : on(node, `t${i}`, name),
      );
      const result = places(services, tasks);
      const zoneOf = (id: string) => (id === 'n3' ? 'b' : 'a');
      const isBeside = (by: string, x: string, y: string) => (by === '' ? x === y : zoneOf(x) === zoneOf(y));
      // In the order in which they were placed, each as it was then.
      const seats = tasks.flatMap(({ ServiceID, NodeID }) =>
        NodeID ? [{ name: ServiceID, id: NodeID }] : [],
      );
      const fits = (name: string, id: string, label: string): boolean => {
        const labelsOf = (one: string) =>
          services.find(({ ID }) => ID === one)?.Spec.Labels?.[label]?.split(':');
        const beside = ([other = '', by]: string[]) =>
          seats.some((seat) => seat.name === other && isBeside(by === undefined ? '' : ':', seat.id, id));
        const own = labelsOf(name);
        if (label === 'shoal.affinity') return !own || beside(own);
        const others = names.filter((other) => labelsOf(other)?.[0] === name);
        return (
          (!own || !beside(own)) &&
          others.every((other) => !beside([other, ...(labelsOf(other)?.slice(1) ?? [])]))
        );
      };
      const placedOnes = tasks.filter(({ ID, NodeID }) => !NodeID && /^n\d$/.test(result[ID] ?? ''));
      // Groups are placed whole, the one with the oldest task first; a service's own tasks don't matter to it.
      for (const name of names
        .filter((one) => placedOnes.some(({ ServiceID }) => ServiceID === one))
        .sort()) {
        const own = placedOnes.filter(({ ServiceID }) => ServiceID === name);
        for (const { ID } of own)
          for (const label of ['shoal.affinity', 'shoal.anti-affinity'])
            expect(fits(name, result[ID] ?? '', label)).toBe(true);
        for (const { ID } of own) seats.push({ name, id: result[ID] ?? '' });
      }
    }),
    { numRuns: 300 },
  );
});
