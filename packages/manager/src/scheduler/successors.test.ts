import { describe, expect, it } from 'vitest';
import type { Task } from '../model/index.ts';
import { aNode } from '../testing.ts';
import { now, viewOf } from './arbitraries.fixture.ts';
import { ClusterState } from './cluster-state.ts';
import { schedule } from './schedule.ts';
import { aTask } from './testing.ts';

const nodes = ['n1', 'n2', 'n3'].map((id) => aNode(id));
const limited = { Placement: { MaxReplicas: 1 } };
const at = (second: number) => new Date(now + 1_000 * second).toISOString();
const running = (Slot: number, NodeID = `n${Slot}`): Task =>
  aTask(`old${Slot}`, {
    Slot,
    NodeID,
    Spec: limited,
    CreatedAt: at(0),
    Status: { State: 'running', Timestamp: '' },
  });
const waiting = (Slot: number, second = 1, Spec: Task['Spec'] = limited): Task =>
  aTask(`new${Slot}`, { Slot, Spec, CreatedAt: at(second) });

/** Nodes by task. */
function placed(present: Task[], pending: Task[]): Record<string, string> {
  const state = ClusterState.from(viewOf(nodes, [...present, ...pending]));
  const { placed } = schedule(state, pending, { now, seed: 0 });
  return Object.fromEntries(placed.map(({ taskId, nodeId }) => [taskId, nodeId]));
}

describe('a task that takes over from another one', () => {
  const all = [running(1), running(2), running(3)];

  it('finds its place kept for it, whoever waits longer', () => {
    expect(placed(all, [waiting(4, 0), waiting(2)])).toEqual({ new2: 'n2' });
    expect(placed(all, [waiting(1), waiting(2), waiting(3), waiting(4, 0)])).toEqual({
      new1: 'n1',
      new2: 'n2',
      new3: 'n3',
    });
  });

  it('keeps it while it finds no node itself', () => {
    const unfit = { Placement: { MaxReplicas: 1, Constraints: ['node.labels.none==1'] } };
    expect(placed(all, [waiting(2, 1, unfit), waiting(4)])).toEqual({});
  });

  it('leaves it to others once it has another one', () => {
    const moved = [...all.slice(0, 2), { ...running(2, 'n3'), ID: 'moved2', CreatedAt: at(1) }];
    expect(placed(moved, [waiting(4, 2)])).toEqual({ new4: 'n2' });
    expect(placed([running(1), running(2, 'n1')], [waiting(2), waiting(3)])).toEqual({
      new2: expect.any(String),
      new3: expect.any(String),
    });
  });

  it('is spread over all nodes, however uneven the tasks before lay', () => {
    const present = [1, 2, 3, 4, 5, 6].map((slot) => ({ ...running(slot, 'n1'), Spec: {} }));
    const nodesOf = placed(
      present,
      present.map(({ Slot = 0 }) => waiting(Slot, 1, {})),
    );
    expect(Object.values(nodesOf).sort()).toEqual(['n1', 'n1', 'n2', 'n2', 'n3', 'n3']);
  });
});
