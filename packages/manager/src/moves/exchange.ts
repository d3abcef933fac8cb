import {
  compareStates,
  isWanted,
  replicasOf,
  type Service,
  stateOf,
  type Task,
  wantsRebalancing,
} from '../model/index.ts';
import type { Balancer } from '../scheduler/index.ts';
import { isRunning, isUnassigned, isUpdating, moveOrder, secondTask } from '../services/index.ts';
import type { Tx } from '../store/index.ts';
import { beforeMove, isShared, mayMove, mayTake } from './movable.ts';
import type { RebalanceContext } from './rebalance-context.ts';

/**
 * Exchanges: where no node has room for one task more, tasks of two services move into each other's room. Both new ones
 * are prepared, then both old ones stop, then the new ones start. If one can't be prepared, the exchange ends and
 * nothing has changed.
 */

/** Nodes from which a task is offered: those that have most of its service. */
const mostSources = 4;

/** Makes the new tasks of an exchange with `service`, if there is one that evens out both services. `live`: its tasks. */
export function beginExchange(
  tx: Tx,
  service: Service,
  live: readonly Task[],
  balancer: Balancer,
  context: RebalanceContext,
): boolean {
  if (!toleratesStop(service)) return false;
  const takes = mayTake(service, tx.tasks.by('service', service.ID), tx.nodes, context.now);
  const byNode = [...Map.groupBy(live, ({ NodeID }) => NodeID ?? '').values()];
  const sources = byNode.toSorted((a, b) => b.length - a.length).slice(0, mostSources);
  for (const task of sources.flatMap(([newest]) => newest ?? [])) {
    const partner = balancer.exchange(
      task,
      takes,
      (nodeId) => tx.tasks.by('node', nodeId).filter(serves),
      (other) => isPartner(tx, other, task.NodeID ?? '', context),
    );
    if (!partner) continue;
    const [one, other] = [context.ids(), context.ids()];
    tx.tasks.create(half(task, partner, one, other));
    tx.tasks.create(half(partner, task, other, one));
    return true;
  }
  return false;
}

/** Brings the exchanges among these moves (by the ids of their new tasks) a step on. */
export function advanceExchanges(tx: Tx, moves: Iterable<string>): void {
  for (const id of moves) {
    const next = tx.tasks.get(id);
    const exchange = next?.shoal.exchange;
    if (!next || !exchange || !isWanted(next)) continue;
    const other = tx.tasks.get(exchange.next);
    const olds = [next.shoal.moves ?? '', exchange.old].map((old) => tx.tasks.get(old));
    if (olds.some((old) => old?.shoal.stopReason === 'rebalanced')) continue;
    if (!other || !isWanted(other) || !olds.every(serves)) giveUp(tx, next);
    else if ([next, other].every(isPrepared) && [next, other].every((task) => isWhole(tx, task)))
      for (const old of olds) if (old) stop(tx, old, 'rebalanced');
  }
}

/** Whether the service can do without one of its tasks for as long as a start takes. */
const toleratesStop = ({ Spec }: Service): boolean =>
  moveOrder(Spec) !== undefined && Spec.UpdateConfig?.Order !== 'start-first';

function isPartner(tx: Tx, { ServiceID }: Task, nodeId: string, context: RebalanceContext): boolean {
  const service = tx.services.get(ServiceID);
  if (!service || !wantsRebalancing(service.Spec.Labels) || !toleratesStop(service)) return false;
  const tasks = tx.tasks.by('service', ServiceID);
  return (
    !isShared(tx, service) &&
    mayMove(service) &&
    !beforeMove(service, tasks, tx.nodes, context.now) &&
    mayTake(service, tasks, tx.nodes, context.now)(nodeId)
  );
}

/** The new task for `old`, in the room of `partner`. */
function half(old: Task, partner: Task, id: string, next: string) {
  const exchange = { next, old: partner.ID, serviceId: partner.ServiceID, slot: partner.Slot ?? 0 };
  return secondTask(old, partner.NodeID ?? '', { stopFirst: true, exchange }, () => id);
}

const serves = (task: Task | undefined): boolean =>
  task !== undefined && isRunning(task) && isWanted(task) && !task.observed?.err;

const isPrepared = (task: Task): boolean => compareStates(stateOf(task), 'ready') >= 0;

/** A task runs in every slot of its service. */
function isWhole(tx: Tx, { ServiceID }: Task): boolean {
  const service = tx.services.get(ServiceID);
  const serving = tx.tasks.by('service', ServiceID).filter(serves);
  return (
    service !== undefined &&
    !isUpdating(service) &&
    new Set(serving.map(({ Slot }) => Slot)).size === replicasOf(service.Spec)
  );
}

function giveUp(tx: Tx, next: Task): void {
  if (isUnassigned(next)) tx.tasks.remove(next.ID);
  else stop(tx, next, 'move-failed');
}

function stop(tx: Tx, task: Task, stopReason: 'rebalanced' | 'move-failed'): void {
  tx.tasks.update({ ...task, DesiredState: 'shutdown', shoal: { ...task.shoal, stopReason } });
}
