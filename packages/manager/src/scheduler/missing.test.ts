import { describe, expect, it } from 'vitest';
import { type Node, pendingText, whyWaiting } from '../model/index.ts';
import { aNode, aTask, type NodeChange, type TaskChange } from '../testing.ts';
import { now, viewOf } from './arbitraries.fixture.ts';
import { ClusterState } from './cluster-state.ts';
import { sayBytes } from './missing.ts';
import { waitingTask } from './outcome.ts';
import { schedule } from './schedule.ts';

const GiB = 2 ** 30;
const node = (id: string, NanoCPUs: number, MemoryBytes: number, rest: NodeChange = {}) => {
  const description = { Hostname: `h-${id}`, Resources: { NanoCPUs, MemoryBytes } };
  return aNode(id, { ...rest, reported: { description, ...rest.reported } });
};
const wants = (Reservations: object, Constraints: string[] = []): TaskChange => ({
  Spec: { Resources: { Reservations }, Placement: { Constraints } },
});

function unplaced(nodes: Node[], parts: TaskChange) {
  const task = aTask('t', parts);
  const { pending } = schedule(ClusterState.from(viewOf(nodes, [task])), [task], { now, seed: 0 });
  return { task, unplaced: pending[0] };
}
const textOf = (nodes: Node[], parts: TaskChange) =>
  pendingText(unplaced(nodes, parts).unplaced?.reasons ?? []);

describe('what the nodes lack is named', () => {
  it('the resource, how much is needed, and the most that is free', () => {
    const nodes = [node('1', 4e9, GiB / 2), node('2', 4e9, 0.875 * GiB), node('3', 4e9, GiB / 4)];
    expect(textOf(nodes, wants({ NanoCPUs: 1e9, MemoryBytes: 1.5 * GiB }))).toBe(
      'no suitable node (insufficient resources on 3 nodes: 1.5 GiB of memory needed, the most that is free is ' +
        '896 MiB on h-2)',
    );
  });

  it('each resource, with the number of nodes where it is not the same on all', () => {
    const nodes = [node('1', 4e9, GiB), node('2', 1e9, 4 * GiB), node('3', 1.5e9, 4 * GiB)];
    expect(textOf(nodes, wants({ NanoCPUs: 2e9, MemoryBytes: 2 * GiB }))).toBe(
      'no suitable node (insufficient resources on 3 nodes: 2 CPUs needed, the most that is free is 1.5 on h-3 ' +
        '(on 2 nodes); 2 GiB of memory needed, the most that is free is 1 GiB on h-1 (on 1 node))',
    );
  });

  it('generic ones, also where there are none at all', () => {
    const GenericResources = [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 2 } }];
    expect(textOf([node('1', 1e9, GiB)], wants({ GenericResources }))).toMatch(
      /on 1 node: 2 gpu needed, none is free\)$/,
    );
  });

  it('constraints that do not hold', () => {
    const zone = (zone: string) => ({ Spec: { Labels: { zone } } });
    const nodes = [node('1', 1, 1, zone('a')), node('2', 1, 1, zone('b'))];
    expect(textOf(nodes, wants({}, ['node.labels.zone==c', 'node.labels.zone!=a']))).toBe(
      'no suitable node (scheduling constraints not satisfied on 2 nodes: node.labels.zone==c, ' +
        'node.labels.zone!=a (on 1 node))',
    );
  });

  it('host ports, and what holds them where it is the same on all', () => {
    const held = (...listeners: [port: number, process: string | undefined, pid: number][]): NodeChange => ({
      reported: {
        listeners: listeners.map(([port, process, pid]) => ({
          protocol: 'tcp',
          port,
          ...(process && { process, pid }),
        })),
      },
    });
    const ports = [80, 443].map((PublishedPort) => ({ PublishMode: 'host' as const, PublishedPort }));
    const said = (...nodes: NodeChange[]) =>
      textOf(
        nodes.map((each, index) => node(String(index + 1), 1, 1, each)),
        { shoal: { specVersion: 1, ports } },
      );
    const begin = 'no suitable node (host-mode port already in use on';
    expect(said(held([80, 'nginx', 812]))).toBe(`${begin} 1 node: 80/tcp by "nginx" (pid 812))`);
    expect(said(held([80, 'nginx', 812]), held([80, 'nginx', 9]))).toBe(
      `${begin} 2 nodes: 80/tcp by "nginx")`,
    );
    expect(said(held([80, 'nginx', 812]), held([80, 'caddy', 9]))).toBe(`${begin} 2 nodes: 80/tcp)`);
    expect(said(held([80, 'nginx', 812]), held([80, undefined, 0]))).toBe(`${begin} 2 nodes: 80/tcp)`);
    expect(said(held([80, undefined, 0]))).toBe(
      `${begin} 1 node: 80/tcp by a process that its agent can not see)`,
    );
    expect(said(held([80, 'nginx', 812], [443, 'nginx', 812]), held([80, 'nginx', 9]))).toBe(
      `${begin} 2 nodes: 80/tcp by "nginx", 443/tcp by "nginx" (pid 812) (on 1 node))`,
    );
  });

  it('at most three of them', () => {
    const keys = ['a', 'b', 'c', 'd', 'e'].map((key) => `node.labels.${key}==1`);
    expect(textOf([node('1', 1, 1)], wants({}, keys))).toMatch(/: node\.labels\.a==1, .*c==1, and 2 more\)$/);
  });
});

describe('a task that waits', () => {
  const first = unplaced([node('1', 1e9, GiB)], wants({ MemoryBytes: 2 * GiB }));
  const waiting = first.unplaced && waitingTask(first.task, first.unplaced, now);
  const again = (nodes: Node[], parts = wants({ MemoryBytes: 2 * GiB })) => {
    const { unplaced: found } = unplaced(nodes, parts);
    return waiting && found && waitingTask(waiting, found, now + 1);
  };

  it('is not written anew when only the amount that is free has changed', () => {
    expect(waiting && whyWaiting(waiting)).toMatch(/1 GiB on h-1\)$/);
    expect(again([node('1', 1e9, 1.5 * GiB)])).toBe(undefined);
  });

  it('is, when something else is missing, or on more nodes', () => {
    const onTwo = again([node('1', 1e9, GiB), node('2', 1e9, GiB)]);
    expect(onTwo && whyWaiting(onTwo)).toMatch(/on 2 nodes: /);
    const both = wants({ NanoCPUs: 2e9, MemoryBytes: 2 * GiB });
    expect(again([node('1', 1e9, GiB)], both)?.unplaced?.reasons[0]?.missing).toEqual(['CPU', 'memory']);
  });
});

it.each([
  [
    [1.5 * GiB, 900 * 2 ** 20],
    ['1.5 GiB', '900 MiB'],
  ],
  [
    [GiB + 2 ** 20, GiB],
    ['1.001 GiB', '1 GiB'],
  ],
  [
    [GiB + 1, GiB],
    ['1073741825 bytes', '1073741824 bytes'],
  ],
  [
    [0, 1023],
    ['0 bytes', '1023 bytes'],
  ],
])('amounts of bytes %j are told apart: %j', (amounts, said) => {
  expect(sayBytes(...amounts)).toEqual(said);
});
