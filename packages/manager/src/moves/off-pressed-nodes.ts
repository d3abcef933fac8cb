import type { Ids } from '../effects.ts';
import {
  isReady,
  isWanted,
  type Node,
  priorityOf,
  type Service,
  shortOf,
  type Task,
  type Wait,
  waitOf,
} from '../model/index.ts';
import { Balancer, type ClusterState } from '../scheduler/index.ts';
import { byAge, isRunning, moveOrder, secondTask } from '../services/index.ts';
import type { Tx } from '../store/index.ts';
import { beforeMove, isShared, mayMove, mayTake } from './movable.ts';
import type { PressureReliefs } from './pressure-reliefs.ts';
import type { RecentLoss } from './recent-loss.ts';

/** A node from which nothing could be moved is looked at again after this time. */
const laterMs = 10_000;

export interface ReliefContext {
  /** Equal to what `tx` reads. */
  readonly state: ClusterState;
  readonly recentLoss: RecentLoss;
  readonly reliefs: PressureReliefs;
  /** Bytes that tasks use, by id, on nodes that are short of memory. Where it is not known a task counts as frugal. */
  readonly memory: ReadonlyMap<string, number>;
  readonly now: number;
  readonly ids: Ids;
}

/**
 * Begins moves off nodes that are short of something, one task of each at a time: makes a second task in the slot,
 * bound to another node. The orchestrator starts it and stops the first one once the second runs; so no service ever
 * has less tasks than it should. What finds no better place stays. Returns what nodes wait for.
 */
export function moveOffPressedNodes(tx: Tx, nodeIds: Iterable<string>, context: ReliefContext): Wait[] {
  const { recentLoss, reliefs, now } = context;
  let balancer: Balancer | undefined;
  return [...nodeIds].flatMap((id) => {
    const node = tx.nodes.get(id);
    if (!node || !isReady(node) || shortOf(node).length === 0) return [];
    const early = reliefs.beforeMove(id, now) ?? recentLoss.beforeMove({ kind: 'node', id }, now);
    if (early) return early;
    balancer ??= new Balancer(context.state, { now, seed: 0 });
    const why = begin(tx, node, balancer, context);
    return why === undefined ? [] : waitOf('node', id, why, now + laterMs);
  });
}

/** Undefined when a move has begun; otherwise what that waits for. */
function begin(tx: Tx, node: Node, balancer: Balancer, context: ReliefContext): string | undefined {
  const { now, ids, memory } = context;
  const short = shortOf(node);
  const leaving = movableOn(tx, node.ID, now).sort(firstToLeave(short.includes('memory') ? memory : nothing));
  let why = 'a task that can be moved: none of those there can be now';
  for (const { task, service, tasks } of leaving) {
    const found = balancer.elsewhere(task, mayTake(service, tasks, tx.nodes, context.now));
    if ('why' in found) {
      why = `a node for a task of ${service.Spec.Name ?? service.ID}: ${found.why}`;
      continue;
    }
    tx.tasks.create(secondTask(task, found.to, { relieves: short }, ids));
    return undefined;
  }
  return why;
}

const nothing: ReadonlyMap<string, number> = new Map();

/** A task that may be moved off its node. */
export interface Movable {
  readonly task: Task;
  readonly service: Service;
  /** All of the service. */
  readonly tasks: readonly Task[];
}

function movableOn(tx: Tx, nodeId: string, now: number): Movable[] {
  return tx.tasks.by('node', nodeId).flatMap((task) => {
    const service = tx.services.get(task.ServiceID);
    if (!service || !isRunning(task) || !isWanted(task) || isShared(tx, service)) return [];
    if (moveOrder(service.Spec) !== 'start-first') return [];
    const tasks = tx.tasks.by('service', service.ID);
    return mayMove(service) && !beforeMove(service, tasks, tx.nodes, now) ? [{ task, service, tasks }] : [];
  });
}

/**
 * The order in which tasks leave, the kubelet's: those that use more memory than they reserved come first; among these,
 * and among the others, the lowest priority; then the one that is furthest over. Last, the newest.
 */
export const firstToLeave =
  (memory: ReadonlyMap<string, number>) =>
  (a: Movable, b: Movable): number => {
    const [overA, overB] = [excess(a.task, memory), excess(b.task, memory)];
    return (
      Number(overB > 0) - Number(overA > 0) ||
      priorityOf(a.service.Spec.Labels) - priorityOf(b.service.Spec.Labels) ||
      overB - overA ||
      byAge(a.task, b.task)
    );
  };

/** Bytes over its reservation; what reserves nothing is over by all that it uses. */
const excess = ({ ID, Spec }: Task, memory: ReadonlyMap<string, number>): number =>
  Math.max(0, (memory.get(ID) ?? 0) - (Spec.Resources?.Reservations?.MemoryBytes ?? 0));
