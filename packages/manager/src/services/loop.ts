import type { Logger } from 'pino';
import type { Clock, Ids } from '../effects.ts';
import { Loop } from '../loop.ts';
import {
  isPerNode,
  type Node,
  nodeState,
  refusedLimits,
  roleOf,
  stateOf,
  type Task,
  type Wait,
  wakeAt,
} from '../model/index.ts';
import type { Change, ReadView, Store, Tx } from '../store/index.ts';
import { decideService } from './decide.ts';
import { mattersToOthers } from './depends-on.ts';
import { isUnassigned } from './presence.ts';
import { RoomSoon, snapshotOf } from './snapshot.ts';

/** When a decision fails (a bug), the service is tried again after this long, and others go on. */
const retryMs = 10_000;
/** Statuses of many tasks come close together: one round for all of them. */
const paceMs = 5;

export interface OrchestratorOptions {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
}

/** Keeps the tasks of every service as its spec says, from now until `close`. */
export function orchestratorLoop(store: Store, options: OrchestratorOptions): { close(): Promise<void> } {
  const loop = new Loop({
    clock: options.clock,
    log: options.log,
    paceMs,
    act: (serviceIds, now) => store.update((tx) => reconcile(tx, serviceIds, now, options), 'services'),
  });
  const unwatch = store.watch(({ changes }) => {
    for (const change of changes) for (const id of affected(store.view, change)) loop.mark(id);
  });
  // What happened while no manager was there left no event.
  for (const { ID } of store.view.services.all()) loop.mark(ID);
  for (const { ServiceID } of store.view.tasks.all()) loop.mark(ServiceID);
  return {
    close: async () => {
      unwatch();
      await loop.close();
    },
  };
}

/** One round. Returns when to look at a service again although nothing changes. */
export function reconcile(
  tx: Tx,
  serviceIds: Iterable<string>,
  now: number,
  { ids, log }: Pick<OrchestratorOptions, 'ids' | 'log'>,
): Map<string, number> {
  const wakeUps = new Map<string, number>();
  const room = new RoomSoon(tx, now);
  for (const serviceId of serviceIds) {
    try {
      const again = wakeAt(reconcileService(tx, serviceId, ids, room));
      if (again !== undefined) wakeUps.set(serviceId, again);
    } catch (error) {
      log.error({ err: error, serviceId }, 'no decision about a service, trying again');
      wakeUps.set(serviceId, now + retryMs);
    }
  }
  return wakeUps;
}

function reconcileService(tx: Tx, serviceId: string, ids: Ids, room: RoomSoon): readonly Wait[] {
  const service = tx.services.get(serviceId);
  if (!service) {
    for (const { ID } of tx.tasks.by('service', serviceId)) tx.tasks.remove(ID);
    return [];
  }
  const decision = decideService(snapshotOf(tx, service, room, ids));
  for (const task of decision.create) tx.tasks.create(task);
  for (const task of decision.update) tx.tasks.update(task);
  room.note(decision.update);
  for (const id of decision.remove) tx.tasks.remove(id);
  if (decision.service) tx.services.update(decision.service);
  if (decision.removeService) tx.services.remove(serviceId);
  return decision.waits;
}

/** Ids of the services that have to be looked at because of one change. */
function affected(view: ReadView, change: Change): Iterable<string> {
  switch (change.table) {
    case 'services':
      return [change.id, ...relying(view, (change.after ?? change.before)?.Spec.Name)];
    case 'tasks': {
      const id = (change.after ?? change.before)?.ServiceID ?? '';
      const name = view.services.get(id)?.Spec.Name;
      const others = mattersToOthers(change.before, change.after) ? depending(view, name) : [];
      return taskMatters(change) ? [id, ...sharing(view, name), ...others] : others;
    }
    case 'nodes':
      return nodeMatters(change) ? onNode(view, change.id) : [];
    case 'networks':
      return [];
    case 'clusters':
      return [...view.services.all()].map(({ ID }) => ID);
    default:
      return [];
  }
}

/** Services whose tasks live in the networks of this one's. */
const sharing = (view: ReadView, name: string | null | undefined): string[] =>
  view.services.by('companion', name ?? '').map(({ ID }) => ID);

/** Services with tasks that start only once this one is as they need it. What has its node waits no more. */
const depending = (view: ReadView, name: string | null | undefined): string[] =>
  view.services
    .by('dependency', name ?? '')
    .map(({ ID }) => ID)
    .filter((id) => view.tasks.by('service', id).some(isUnassigned));

const relying = (view: ReadView, name: string | null | undefined): string[] => [
  ...sharing(view, name),
  ...depending(view, name),
];

/** The steps between placed and running change nothing here. */
function taskMatters({ before, after }: Extract<Change, { table: 'tasks' }>): boolean {
  if (!before || !after) return true;
  if (before.DesiredState !== after.DesiredState) return true;
  if (before.unplaced !== after.unplaced) return true;
  if (refusedLimits(before) !== refusedLimits(after)) return true;
  if (fitness(before) !== fitness(after)) return true;
  const state = stateOf(after);
  return state !== stateOf(before) && !quietStates.has(state);
}
/** Whether it may get traffic, and what else its host says of one that runs. */
const fitness = ({ observed }: Task): string =>
  `${observed?.unfitSince}/${observed?.canary}/${observed?.unhealthy}`;
const quietStates: ReadonlySet<string> = new Set(['assigned', 'accepted', 'preparing', 'starting']);

/** Something changed that decides whether tasks may be on the node. */
export function nodeMatters({ before, after }: Extract<Change, { table: 'nodes' }>): boolean {
  if (!before || !after) return true;
  return JSON.stringify(placementFacts(before)) !== JSON.stringify(placementFacts(after));
}

/** All of a node that decides whether a task may be there; beats and images do not. */
const placementFacts = (node: Node) => ({
  state: nodeState(node),
  leases: node.judged.leases,
  address: node.reported.address,
  spec: node.Spec,
  role: roleOf(node),
  hostname: node.reported.description.Hostname,
  platform: node.reported.description.Platform,
  labels: node.reported.description.Engine?.Labels,
  pressed: node.reported.pressures !== undefined,
});

function onNode(view: ReadView, nodeId: string): Set<string> {
  const services = new Set(view.tasks.by('node', nodeId).map(({ ServiceID }) => ServiceID));
  for (const id of [...services])
    for (const other of depending(view, view.services.get(id)?.Spec.Name)) services.add(other);
  for (const { ID, Spec } of view.services.all()) if (isPerNode(Spec)) services.add(ID);
  return services;
}
