import { describe, expect, it } from 'vitest';
import type { Node, Task } from '../model/index.ts';
import { aNode, type TaskChange, withStatus } from '../testing.ts';
import { now, viewOf } from './arbitraries.fixture.ts';
import { ClusterState } from './cluster-state.ts';
import { failureWindowMs } from './failures.ts';
import { plainReference } from './images.ts';
import { schedule } from './schedule.ts';
import { aTask } from './testing.ts';

const at = (ms: number): string => new Date(ms).toISOString();
const on = (NodeID: string, count: number, parts: TaskChange = {}): Task[] =>
  Array.from({ length: count }, (_, index) =>
    aTask(`${NodeID}-${parts.ServiceID ?? 'web'}-${index}`, {
      NodeID,
      Status: { State: 'running', Timestamp: at(now) },
      ...parts,
    }),
  );
const failed = (node: string, count: number, when = now): Task[] =>
  on(node, count, {
    DesiredState: 'shutdown',
    UpdatedAt: at(when),
    Status: { State: 'failed', Timestamp: at(when) },
  });
const labelled = (id: string, zone: string): Node => aNode(id, { Spec: { Labels: { zone } } });
const two = [aNode('n1'), aNode('n2')];

/** Where one more task goes, for every seed. */
function chosen(nodes: Node[], others: Task[], task: TaskChange = {}): string[] {
  const pending = aTask('t', task);
  const state = ClusterState.from(viewOf(nodes, [...others, pending]));
  const seeds = Array.from({ length: 20 }, (_, seed) => seed);
  return [
    ...new Set(seeds.map((seed) => schedule(state, [pending], { now, seed }).placed[0]?.nodeId ?? '')),
  ].sort();
}

describe('scores', () => {
  it('leave a choice between equals to the seed', () => {
    expect(chosen(two, [])).toEqual(['n1', 'n2']);
  });

  it('recentFailures: before evenness, from five in five minutes on, of the same version', () => {
    const evenly = on('n2', 3);
    expect(chosen(two, [...evenly, ...failed('n1', 5)])).toEqual(['n2']);
    expect(chosen(two, [...evenly, ...failed('n1', 4)])).toEqual(['n1']);
    expect(chosen(two, [...evenly, ...failed('n1', 5, now - failureWindowMs)])).toEqual(['n1']);
    const otherVersion = { shoal: { specVersion: 2, ports: [] } };
    expect(chosen(two, [...evenly, ...failed('n1', 5)], otherVersion)).toEqual(['n1']);
    // A node that fails everything is still better than none.
    expect(chosen([aNode('n1')], failed('n1', 9))).toEqual(['n1']);
  });

  it('recentFailures: one that was killed for want of memory counts as five', () => {
    const killed = failed('n1', 1).map((task) => withStatus(task, { OOMKilled: true }));
    expect(chosen(two, [...on('n2', 3), ...killed])).toEqual(['n2']);
    expect(chosen(two, [...on('n2', 3), ...killed], { ServiceID: 'other' })).toEqual(['n1']);
    // By its own limit it would have been killed on any other node.
    const Spec = { Resources: { Limits: { MemoryBytes: 10 * 2 ** 20 } } };
    const limited = killed.map((task) => ({ ...task, Spec }));
    expect(chosen(two, [...on('n2', 3), ...limited], { Spec })).toEqual(['n1']);
    // Where it happens everywhere, the nodes take turns.
    expect(chosen(two, [...killed, ...failed('n2', 6)])).toEqual(['n1']);
  });

  it('recentFailures: not those of tasks that were of another version when they ended', () => {
    const tasks = failed('n1', 5).map((task) => ({ ...task, shoal: { ...task.shoal, endedAs: 2 } }));
    expect(chosen(two, [...on('n2', 3), ...tasks])).toEqual(['n1']);
    const shoal = { specVersion: 2, ports: [] };
    expect(chosen(two, [...on('n2', 3), ...tasks], { shoal })).toEqual(['n2']);
  });

  it('see a node without the task that stops before the new one starts', () => {
    const reserve = (cpus: number) => ({ Resources: { Reservations: { NanoCPUs: cpus * 1e9 } } });
    const [old] = on('n1', 1, { Slot: 1, Spec: reserve(1) });
    const other = on('n2', 1, { ServiceID: 'other', Spec: reserve(0.75) });
    const next = (stopFirst: boolean) => ({
      Slot: 1,
      CreatedAt: at(now),
      Spec: reserve(1),
      shoal: { specVersion: 2, ports: [], ...(stopFirst && { stopFirst: true as const }) },
    });
    if (!old) throw new Error('no task');
    expect(chosen(two, [old, ...other], next(true))).toEqual(['n1']);
    expect(chosen(two, [old, ...other], next(false))).toEqual(['n2']);
  });

  it('recentFailures: one that its host refused, or that was moved there in vain, counts as five', () => {
    const [task] = failed('n1', 1);
    if (!task) throw new Error('no task');
    const move = { ...task, shoal: { ...task.shoal, moves: 'old' } };
    const refused = withStatus(task, { startRefused: true as const });
    const rejected = withStatus(task, { State: 'rejected' as const });
    for (const one of [move, refused, rejected]) expect(chosen(two, [...on('n2', 3), one])).toEqual(['n2']);
    const ran = { ...move, shoal: { ...move.shoal, runningSince: now } };
    expect(chosen(two, [...on('n2', 3), ran])).toEqual(['n1']);
  });

  it('recentFailures: of one service are no matter to another that asks the same', () => {
    const tasks = ['web', 'younger'].map((ServiceID) => aTask(ServiceID, { ServiceID }));
    const state = ClusterState.from(viewOf(two, [...failed('n1', 5), ...on('n2', 2, { ServiceID: 'x' })]));
    const { placed } = schedule(state, tasks, { now, seed: 0 });
    expect(Object.fromEntries(placed.map(({ taskId, nodeId }) => [taskId, nodeId]))).toEqual({
      web: 'n2',
      younger: 'n1',
    });
  });

  it('recentFailures: before branches, too', () => {
    const Spec = { Placement: { Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }] } };
    const nodes = [labelled('n1', 'a'), labelled('n2', 'b')];
    expect(chosen(nodes, [...on('n2', 3), ...failed('n1', 5)], { Spec })).toEqual(['n2']);
  });

  it('spread: fewest tasks of the service in the branch, then on the node', () => {
    const Spec = { Placement: { Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }] } };
    const nodes = [labelled('n1', 'a'), labelled('n2', 'a'), labelled('n3', 'b')];
    expect(chosen(nodes, [...on('n1', 2), ...on('n3', 1)], { Spec })).toEqual(['n3']);
    expect(chosen(nodes, [...on('n1', 2), ...on('n3', 2)], { Spec })).toEqual(['n2']);
    // Tasks on a node that takes no new ones are part of the balance; so is the branch without the label.
    const drained = aNode('n4', { Spec: { Availability: 'drain', Labels: { zone: 'b' } } });
    expect(chosen([...nodes, drained], [...on('n1', 1), ...on('n4', 2)], { Spec })).toEqual(['n2']);
    expect(chosen([...nodes, aNode('n5')], [...on('n1', 1), ...on('n3', 1)], { Spec })).toEqual(['n5']);
  });

  it('serviceTasks: before everything but failures and branches', () => {
    const crowd = on('n1', 9, { ServiceID: 'other' });
    expect(chosen(two, [...crowd, ...on('n2', 1)])).toEqual(['n1']);
    expect(chosen(two, on('n1', 1, { DesiredState: 'shutdown' }))).toEqual(['n1', 'n2']);
  });

  it('reservedShare: the emptier node, by share, not by number', () => {
    const big = aNode('n1', {
      reported: { description: { Resources: { NanoCPUs: 8e9, MemoryBytes: 8e9 } } },
    });
    const small = aNode('n2', {
      reported: { description: { Resources: { NanoCPUs: 2e9, MemoryBytes: 8e9 } } },
    });
    const Spec = { Resources: { Reservations: { NanoCPUs: 1e9 } } };
    expect(chosen([big, small], on('n1', 2, { ServiceID: 'other', Spec }), { Spec })).toEqual(['n1']);
    expect(chosen([big, small], on('n1', 4, { ServiceID: 'other', Spec }), { Spec })).toEqual(['n2']);
  });

  it('imageMissing: among nodes about equally full', () => {
    const nodes = [aNode('n1'), aNode('n2', { reported: { images: ['web@sha256:1', 'web:1'] } })];
    const pinned = { Spec: { ContainerSpec: { Image: 'docker.io/library/web:1@sha256:1' } } };
    expect(chosen(nodes, [])).toEqual(['n2']);
    expect(chosen(nodes, [], pinned)).toEqual(['n2']);
    const crowd = (count: number) => on('n2', count, { ServiceID: 'other' });
    expect(chosen(nodes, [...crowd(8), ...on('n1', 7, { ServiceID: 'third' })])).toEqual(['n2']);
    expect(chosen(nodes, crowd(2))).toEqual(['n1']);
  });

  it('nodeTasks: the node with fewer tasks in all', () => {
    const others = [...on('n1', 8, { ServiceID: 'other' }), ...on('n2', 7, { ServiceID: 'other' })];
    expect(chosen(two, others)).toEqual(['n2']);
  });

  it('keep the scores of the chosen node, in the order in which they decide', () => {
    const Spec = { Placement: { Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }] } };
    const pending = aTask('t', { Spec });
    const state = ClusterState.from(viewOf([aNode('n1')], [...on('n1', 2), pending]));
    const scores = schedule(state, [pending], { now, seed: 0 }).placed[0]?.scores;
    expect(Object.entries(scores ?? {})).toEqual([
      ['recentFailures', 0],
      ['spread:node.labels.zone', 2],
      ['serviceTasks', 2],
      ['reservedShare', 0],
      ['crowding', 4],
      ['imageMissing', 1],
      ['nodeTasks', 2],
    ]);
  });
});

it.each([
  ['nginx', 'nginx:latest'],
  ['docker.io/library/nginx:1', 'nginx:1'],
  ['registry:5000/team/app', 'registry:5000/team/app:latest'],
  ['registry:5000/team/app:2@sha256:ab', 'registry:5000/team/app@sha256:ab'],
  ['sha256:ab', 'sha256:ab'],
])('an image written %s is %s', (written, plain) => expect(plainReference(written)).toBe(plain));
