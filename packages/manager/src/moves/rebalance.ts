import {
  isWanted,
  moveRestLeftMs,
  type Service,
  type Task,
  type Wait,
  waitOf,
  wantsRebalancing,
} from '../model/index.ts';
import { Balancer, type ClusterState } from '../scheduler/index.ts';

import { byAge, moveOrder, secondTask, takesTasks } from '../services/index.ts';
import type { Tx } from '../store/index.ts';
import { advanceExchanges, beginExchange } from './exchange.ts';
import { beforeMove, isShared, mayMove, mayTake } from './movable.ts';
import type { RebalanceContext } from './rebalance-context.ts';

/** In the whole cluster at a time; each costs the start of a container. */
const mostMoves = 4;
/** Where a node would be better but can't take the task now, room is looked for again after this time. */
const laterMs = 30_000;
/** So soon one of the moves under way may be done. */
const busyMs = 1_000;
/** Services judged node by node in one round: others must get a turn. */
const mostJudged = 100;
/** Of these, services for which another one is looked for to change places with. */
const mostSearched = 10;

/**
 * Begins moves: makes a second task in a slot, bound to a better node. The orchestrator starts it and stops the
 * first one once the second runs; until then nothing is given up. Where the service wants it stop-first, the first one
 * stops once the second is prepared. Where there is no room for a second one, tasks of two services change places, one
 * such pair at a time. Returns what services wait for that may be uneven.
 */
export function rebalance(tx: Tx, serviceIds: Iterable<string>, context: RebalanceContext): Wait[] {
  const { state, recentLoss, now } = context;
  const balancer = new Balancer(state, { now, seed: 0 });
  const waits: Wait[] = [];
  let free = mostMoves - context.underWay.size;
  let exchanging = [...context.underWay].some((id) => tx.tasks.get(id)?.shoal.exchange);
  advanceExchanges(tx, context.underWay);
  let judged = 0;
  let searched = 0;
  for (const id of serviceIds) {
    const service = tx.services.get(id);
    if (!service || !wantsRebalancing(service.Spec.Labels) || !mayMove(service)) continue;
    if (!mayBeUneven(state, service) || isShared(tx, service)) continue;
    const tasks = tx.tasks.by('service', id);
    const wait =
      beforeMove(service, tasks, tx.nodes, now) ??
      recentLoss.beforeMove({ kind: 'service', id }, now) ??
      turn(id, { free, judged, now });
    if (wait) {
      waits.push(wait);
      continue;
    }
    judged++;
    const live = tasks.filter(isWanted).sort(byAge);
    const outcome = begin(tx, service, live, balancer, context);
    if (outcome === 'moves') free--;
    if (outcome !== 'no room') continue;
    const maySwap = !exchanging && free >= 2 && searched < mostSearched;
    if (maySwap) searched++;
    if (maySwap && beginExchange(tx, service, live, balancer, context)) {
      exchanging = true;
      free -= 2;
    } else waits.push(waitOf('service', id, 'room on a better node', lookAgainAt(tx, now)));
  }
  return waits;
}

/** At the latest when the next node has rested. */
function lookAgainAt(tx: Tx, now: number): number {
  const rests = Iterator.from(tx.nodes.all())
    .filter(takesTasks)
    .map((node) => moveRestLeftMs(node, now))
    .filter((ms) => ms > 0);
  return now + Math.min(laterMs, ...rests);
}

/** Why a service has to wait for others. */
function turn(
  id: string,
  { free, judged, now }: { readonly free: number; readonly judged: number; readonly now: number },
): Wait | undefined {
  if (free <= 0)
    return waitOf('service', id, `its turn, since ${mostMoves} tasks are being moved`, now + busyMs);
  return judged >= mostJudged ? waitOf('service', id, 'its turn', now + 1) : undefined;
}

function begin(
  tx: Tx,
  service: Service,
  live: readonly Task[],
  balancer: Balancer,
  context: RebalanceContext,
): 'moves' | 'no room' | 'even' {
  const { ids } = context;
  const [any] = live;
  const tasks = tx.tasks.by('service', service.ID);
  const move = any && balancer.find(any, mayTake(service, tasks, tx.nodes, context.now));
  if (!move) return 'even';
  if (move === 'later') return 'no room';
  const old = live.find(({ NodeID }) => NodeID === move.from);
  if (old?.Slot === undefined) return 'even';
  const stopFirst = moveOrder(service.Spec) === 'stop-first' && { stopFirst: true as const };
  tx.tasks.create(secondTask(old, move.to, { ...stopFirst }, ids));
  return 'moves';
}

/** Saves a look at every node: with less than two tasks on any, nothing can be evened out but branches. */
function mayBeUneven(state: ClusterState, service: Service): boolean {
  const counts = state.counts.get(service.ID);
  if (!counts) return false;
  const spread = service.Spec.TaskTemplate?.Placement?.Preferences ?? [];
  return spread.length > 0 || [...counts.values()].some((count) => count >= 2);
}
