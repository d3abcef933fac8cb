import type { Logger } from 'pino';
import { isoTime } from '../effects.ts';
import {
  compareStates,
  isReady,
  isTerminal,
  type Node,
  type ObservedState,
  stateOf,
  type Task,
} from '../model/index.ts';
import { ClusterState, placePending } from '../scheduler/index.ts';
import { reconcile } from '../services/index.ts';
import type { ReadView, Tx } from '../store/index.ts';

/** A drain of services that live in others' networks takes about six; more is a bug, which must end too. */
const mostRounds = 20;

/**
 * Brings the services where the orchestrator and the scheduler want them, by what these decide themselves, on
 * agents to which nothing goes wrong and in no time at all: what waits for its hour still waits. For a transaction
 * that nobody commits.
 */
export function playOut(tx: Tx, serviceIds: readonly string[], now: number, log: Logger): void {
  let made = 0;
  const ids = () => `forecast${++made}`;
  for (let round = 0; round < mostRounds; round++) {
    const before = [...tx.tasks.all()];
    reconcile(tx, serviceIds, now, { ids, log });
    placePending(tx, ClusterState.from(tx), now);
    runAgents(tx, now);
    // Whatever changes becomes another object.
    if (tx.tasks.size === before.length && before.every((task) => tx.tasks.get(task.ID) === task)) return;
  }
  log.warn({ serviceIds }, 'the forecast came to no end');
}

/** The services with tasks on these nodes, and those that live in their networks. */
export function servicesOn(view: ReadView, nodes: readonly Node[]): string[] {
  const ids = new Set(nodes.flatMap(({ ID }) => view.tasks.by('node', ID)).map(({ ServiceID }) => ServiceID));
  // A set that grows while it is walked is walked to its end.
  for (const id of ids) {
    const name = view.services.get(id)?.Spec.Name ?? '';
    for (const { ID } of view.services.by('companion', name)) ids.add(ID);
  }
  return [...ids];
}

function runAgents(tx: Tx, now: number): void {
  for (const task of [...tx.tasks.all()]) {
    const isHeard = isReady(tx.nodes.get(task.NodeID ?? ''));
    const state = isHeard ? nextState(task) : undefined;
    if (state) tx.tasks.update({ ...task, observed: { ...task.observed, state, at: isoTime(now) } });
  }
}

function nextState(task: Task): ObservedState | undefined {
  const state = stateOf(task);
  const { DesiredState } = task;
  if (isTerminal(state) || compareStates(state, 'assigned') < 0) return undefined;
  if (DesiredState !== 'running' && DesiredState !== 'ready') return 'shutdown';
  return compareStates(state, DesiredState) < 0 ? DesiredState : undefined;
}
