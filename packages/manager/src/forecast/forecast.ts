import type { Logger } from 'pino';
import {
  compareStates,
  isPerNode,
  isTerminal,
  isWanted,
  type Node,
  slotKey,
  stateOf,
  type Task,
  whyWaiting,
} from '../model/index.ts';
import { beginTransaction, type ReadView, slotIndexKey } from '../store/index.ts';
import { playOut, servicesOn } from './play-out.ts';

export const faults = ['host-power-loss', 'drain'] as const;
export type Fault = (typeof faults)[number];

/** A task that the fault takes from its node. Services by name, nodes by host name. */
interface Fate {
  readonly service: string;
  /** Absent for tasks of global services. */
  readonly slot?: number;
  readonly task: string;
  readonly from: string;
}

export interface Forecast {
  readonly fault: Fault;
  readonly nodes: readonly string[];
  /** Replaced on another node. */
  readonly moves: readonly (Fate & { readonly to: string })[];
  /** No node takes the replacement. */
  readonly noRoom: readonly (Fate & { readonly reason: string })[];
  /** Nothing is to replace it. */
  readonly stays: readonly (Fate & { readonly reason: string })[];
}

/**
 * What would happen if these nodes were struck now: the orchestrator and the scheduler do it, on a copy of the state
 * that is thrown away. Later moves to even services out are not part of it. `now` in ms since the epoch.
 */
export function forecast(
  view: ReadView,
  fault: Fault,
  nodes: readonly Node[],
  { now, log }: { readonly now: number; readonly log: Logger },
): Forecast {
  const struck = new Set(nodes.map(({ ID }) => ID));
  const after = afterwards(view, fault, nodes, { now, log });
  const result: { [K in 'moves' | 'noRoom' | 'stays']: Forecast[K][number][] } = {
    moves: [],
    noRoom: [],
    stays: [],
  };
  for (const task of tasksOn(view, struck).sort((a, b) => byPlace(view, a, b))) {
    const { ServiceID, Slot, ID, NodeID = '' } = task;
    const fate = {
      service: view.services.get(ServiceID)?.Spec.Name ?? '',
      ...(Slot !== undefined && { slot: Slot }),
      task: ID,
      from: hostname(view, NodeID),
    };
    const next = successor(after, task, struck);
    if (!next) result.stays.push({ ...fate, reason: whyNot(view, fault, task, nodes) });
    else if (isPlaced(next)) result.moves.push({ ...fate, to: hostname(view, next.NodeID ?? '') });
    else result.noRoom.push({ ...fate, reason: whyWaiting(next) ?? 'no node was found' });
  }
  return { fault, nodes: nodes.map(({ ID }) => hostname(view, ID)), ...result };
}

const takesManager = (fault: Fault, nodes: readonly Node[]): boolean =>
  fault === 'host-power-loss' && nodes.some(({ reported }) => reported.runsManager);

function afterwards(
  view: ReadView,
  fault: Fault,
  nodes: readonly Node[],
  { now, log }: { readonly now: number; readonly log: Logger },
): ReadView {
  const tx = beginTransaction(view, 0, now);
  // Without a manager nobody decides anything.
  if (takesManager(fault, nodes)) return tx;
  for (const node of nodes) {
    tx.nodes.update(
      fault === 'drain'
        ? { ...node, Spec: { ...node.Spec, Availability: 'drain' } }
        : { ...node, judged: { state: 'down' } },
    );
  }
  playOut(tx, servicesOn(view, nodes), now, log);
  return tx;
}

const isPlaced = (task: Task): boolean => compareStates(stateOf(task), 'assigned') >= 0;

const isLive = (task: Task): boolean => isWanted(task) && !isTerminal(stateOf(task));

/** One task of each slot there: the one that is nearest to running. */
function tasksOn(view: ReadView, nodeIds: ReadonlySet<string>): Task[] {
  const slots = new Map<string, Task>();
  for (const id of nodeIds) {
    for (const task of view.tasks.by('node', id)) {
      if (!isLive(task) || !isPlaced(task)) continue;
      const key = slotIndexKey(task.ServiceID, slotKey(task));
      const other = slots.get(key);
      if (!other || compareStates(stateOf(task), stateOf(other)) > 0) slots.set(key, task);
    }
  }
  return [...slots.values()];
}

function successor(after: ReadView, task: Task, struck: ReadonlySet<string>): Task | undefined {
  return after.tasks
    .by('slot', slotIndexKey(task.ServiceID, slotKey(task)))
    .filter((other) => isLive(other) && !struck.has(other.NodeID ?? ''))
    .sort((a, b) => compareStates(stateOf(b), stateOf(a)))[0];
}

function whyNot(view: ReadView, fault: Fault, { ServiceID }: Task, nodes: readonly Node[]): string {
  if (takesManager(fault, nodes))
    return 'the manager goes with its host: nothing is replaced until it is back';
  const service = view.services.get(ServiceID);
  if (!service || !isPerNode(service.Spec)) return 'its service needs it no more';
  return fault === 'drain'
    ? 'its service is global: it stops, and starts again when the node is active'
    : 'its service is global: it returns with the node';
}

function byPlace({ services }: ReadView, a: Task, b: Task): number {
  const [x, y] = [a, b].map(({ ServiceID }) => services.get(ServiceID)?.Spec.Name ?? '');
  return (x ?? '').localeCompare(y ?? '') || (a.Slot ?? 0) - (b.Slot ?? 0) || (a.ID < b.ID ? -1 : 1);
}

/** As the node calls itself; by its id if others call themselves the same. */
function hostname({ nodes }: ReadView, id: string): string {
  const name = nodes.get(id)?.reported.description.Hostname ?? '';
  return nodes.by('hostname', name).length === 1 ? name : id;
}
