/** The real loops with a real store and fake time, and agents for whom everything takes a second. */
import { pino } from 'pino';
import { afterEach, beforeEach, vi } from 'vitest';
import { isoTime } from '../effects.ts';
import { newId } from '../ids.ts';
import {
  compareStates,
  isReady,
  isTerminal,
  isWanted,
  type Judged,
  type Node,
  noteFlapping,
  type Service,
  stateOf,
  type Task,
  type TaskState,
} from '../model/index.ts';
import { schedulerLoop } from '../scheduler/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import type { Tx } from '../store/index.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, withStatus } from '../testing.ts';
import { orchestratorLoop } from './loop.ts';

const clock = () => Date.now();
export const options = { clock, ids: newId, log: pino({ level: 'silent' }) };

export class Loops {
  readonly store: TestStore;
  /** Nodes on which every task is rejected. */
  readonly refusing = new Set<string>();
  readonly #closers: (() => unknown)[] = [];

  private constructor(store: TestStore) {
    this.store = store;
  }

  /** Nodes n1, n2, … with these services; scheduler, orchestrator and agents at work. */
  static async open(nodes: number, services: readonly Service[]): Promise<Loops> {
    const store = await TestStore.open(memoryBackend(), clock);
    await store.update((tx) => {
      for (let n = 1; n <= nodes; n++) tx.nodes.create(aNode(`n${n}`));
      for (const service of services) tx.services.create(service);
    });
    const loops = new Loops(store);
    loops.run(schedulerLoop(store, options));
    loops.run(orchestratorLoop(store, options));
    const agents = setInterval(
      () => void store.update((tx) => runAgents(tx, loops.refusing), 'agents'),
      1_000,
    );
    loops.run({ close: () => clearInterval(agents) });
    return loops;
  }

  /** Closed at the end; the function returned does it earlier. */
  run(loop: { close(): unknown }): () => unknown {
    this.#closers.push(() => loop.close());
    return () => loop.close();
  }

  setNode(id: string, change: (node: Node) => Node): Promise<void> {
    return this.store.update((tx) => {
      const node = tx.nodes.get(id);
      if (node) tx.nodes.update(noteFlapping(change(node), clock()));
    });
  }

  setState(id: string, state: Judged['state']): Promise<void> {
    return this.setNode(id, (node) => ({ ...node, judged: { state } }));
  }

  /** Wanted tasks of a service by node, whatever their state. */
  spread(service: string): number[] {
    const wanted = this.store.view.tasks.by('service', service).filter(isWanted);
    return [...this.store.view.nodes.all()]
      .map(({ ID }) => ID)
      .sort()
      .map((id) => wanted.filter(({ NodeID }) => NodeID === id).length);
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
  }
}

function runAgents(tx: Tx, refusing: ReadonlySet<string>): void {
  for (const task of tx.tasks.all()) {
    const isRefused = refusing.has(task.NodeID ?? '') && stateOf(task) === 'assigned';
    const state = isRefused ? 'rejected' : observed(task);
    const isUp = isReady(tx.nodes.get(task.NodeID ?? ''));
    if (!state || !isUp || compareStates(state, stateOf(task)) <= 0) continue;
    const Status = { State: state, Timestamp: isoTime(clock()) };
    tx.tasks.update(withStatus(task, Status));
  }
}

function observed(task: Task): TaskState | undefined {
  const { DesiredState, Spec, UpdatedAt, shoal } = task;
  if (stateOf(task) === 'pending' || isTerminal(stateOf(task))) return undefined;
  if (DesiredState === 'running') {
    if (shoal.iteration === undefined || stateOf(task) !== 'running') return 'running';
    // A job's task: images named `broken…` fail.
    return Spec.ContainerSpec?.Image?.startsWith('broken') ? 'failed' : 'complete';
  }
  if (DesiredState === 'ready') return 'ready';
  // It was asked to stop when it was changed last, and takes all the time that it has.
  const graceMs = (Spec.ContainerSpec?.StopGracePeriod ?? 0) / 1e6;
  return clock() >= Date.parse(UpdatedAt) + graceMs ? 'shutdown' : undefined;
}

/** For a test file: fake time, and an end to all loops after each test. */
export function withLoops(): (nodes: number, services: readonly Service[]) => Promise<Loops> {
  const open: Loops[] = [];
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
  afterEach(async () => {
    for (const loops of open.splice(0)) await loops.close();
    vi.useRealTimers();
  });
  return async (nodes, services) => {
    const loops = await Loops.open(nodes, services);
    open.push(loops);
    return loops;
  };
}
