import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isoTime } from '../effects.ts';
import { newId } from '../ids.ts';
import { compareStates, isTerminal, type Task, type TaskState } from '../model/index.ts';
import { schedulerLoop } from '../scheduler/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { Store, type Tx } from '../store/index.ts';
import { aNode, aService } from '../testing.ts';
import { orchestratorLoop } from './loop.ts';
import { rebalanceLoop } from './rebalancer.ts';
import { isWanted } from './standing.ts';

const log = pino({ level: 'silent' });
const clock = () => Date.now();
const options = { clock, ids: newId, log };
const closers: (() => unknown)[] = [];

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  vi.useRealTimers();
});

/** The real loops, and agents for whom everything takes a second. */
async function aCluster(services: number, replicas: number): Promise<Store> {
  const store = await Store.open(memoryBackend(), clock);
  await store.update((tx) => {
    for (const id of ['n1', 'n2', 'n3']) tx.nodes.create(aNode(id));
    for (let n = 1; n <= services; n++)
      tx.services.create(aService(`s${n}`, { Spec: { Mode: { Replicated: { Replicas: replicas } } } }));
  });
  await setNode(store, 'n3', 'down');
  for (const loop of [
    schedulerLoop(store, options),
    orchestratorLoop(store, options),
    rebalanceLoop(store, options),
  ])
    closers.push(() => loop.close());
  const agents = setInterval(() => void store.update(runAgents), 1_000);
  closers.push(() => clearInterval(agents));
  return store;
}

function runAgents(tx: Tx): void {
  for (const task of tx.tasks.all()) {
    const state = observed(task);
    const isUp = tx.nodes.get(task.NodeID ?? '')?.Status.State === 'ready';
    if (!state || !isUp || compareStates(state, task.Status.State) <= 0) continue;
    const Status = { ...task.Status, State: state, Timestamp: isoTime(clock()) };
    tx.tasks.update({ ...task, Status });
  }
}

function observed({ Status, DesiredState }: Task): TaskState | undefined {
  if (Status.State === 'pending' || isTerminal(Status.State)) return undefined;
  if (DesiredState === 'running') return 'running';
  return DesiredState === 'ready' ? 'ready' : 'shutdown';
}

const setNode = (store: Store, id: string, State: 'ready' | 'down') =>
  store.update((tx) => {
    const node = tx.nodes.get(id);
    if (node) tx.nodes.update({ ...node, Status: { ...node.Status, State } });
  });

const spread = (store: Store, service: string) =>
  ['n1', 'n2', 'n3'].map(
    (node) =>
      store.view.tasks.by('service', service).filter((task) => isWanted(task) && task.NodeID === node).length,
  );

describe('the loop', () => {
  it('evens out all services, few at a time, and then rests', async () => {
    const store = await aCluster(10, 6);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(spread(store, 's1')).toEqual([3, 3, 0]);
    let most = 0;
    let moves = 0;
    const unwatch = store.watch(({ changes }) => {
      for (const change of changes)
        if (change.table === 'tasks' && !change.before && change.after?.shoal.moves) moves++;
      const underWay = [...store.view.tasks.all()].filter(
        ({ shoal, Status }) => shoal.moves && compareStates(Status.State, 'running') < 0,
      );
      most = Math.max(most, underWay.length);
    });
    await setNode(store, 'n3', 'ready');
    await vi.advanceTimersByTimeAsync(300_000);
    for (let n = 1; n <= 10; n++) expect(spread(store, `s${n}`)).toEqual([2, 2, 2]);
    expect({ moves, most }).toEqual({ moves: 20, most: 4 });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(moves).toBe(20);
    unwatch();
  });

  it('goes on where the one before it was stopped', async () => {
    const store = await aCluster(1, 6);
    await vi.advanceTimersByTimeAsync(10_000);
    await setNode(store, 'n3', 'ready');
    await vi.advanceTimersByTimeAsync(6_000);
    expect(spread(store, 's1')).toEqual([3, 3, 1]);
    await closers.splice(2, 1)[0]?.();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(spread(store, 's1').toSorted()).toEqual([1, 2, 3]);
    const loop = rebalanceLoop(store, options);
    closers.push(() => loop.close());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(spread(store, 's1')).toEqual([2, 2, 2]);
  });
});
