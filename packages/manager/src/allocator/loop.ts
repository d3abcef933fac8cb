import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import { Loop } from '../loop.ts';
import { isTerminal, stateOf, type Task, type Wait, wakeAt } from '../model/index.ts';
import type { Change, ReadView, Store, Tx } from '../store/index.ts';
import { createIngress } from './network.ts';
import { allocateService, isAllocated } from './service.ts';
import { allocateTasks, keptWaiting } from './tasks.ts';
import { addressOn, waitsFor } from './usage.ts';

/** When a decision fails (a bug), the network is tried again after this long, and others go on. */
const retryMs = 10_000;

export interface AllocatorOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Gives placed tasks their addresses, nodes their parts of the networks, and takes back what nobody needs, from
 * now until `close`. Keys of its rounds are ids of networks and services.
 */
export function allocatorLoop(store: Store, { clock, log }: AllocatorOptions): { close(): Promise<void> } {
  const loop = new Loop({
    clock,
    log,
    act: (keys, now) => store.update((tx) => reconcile(tx, keys, now, log), 'allocator'),
  });
  const unwatch = store.watch(({ changes }) => {
    for (const change of changes) for (const key of affected(store.view, change)) loop.mark(key);
  });
  // What happened while no manager was there left no event.
  for (const key of everything(store.view)) loop.mark(key);
  return {
    close: async () => {
      unwatch();
      await loop.close();
    },
  };
}

/** Makes the network of published ports, before anybody asks for it. */
export const prepareNetworks = (store: Pick<Store, 'update'>): Promise<void> =>
  store.update(createIngress, 'allocator');

function* everything(view: ReadView): Iterable<string> {
  for (const { ID } of view.services.all()) yield ID;
  for (const { ID } of view.networks.all()) yield ID;
  for (const { shoal } of view.tasks.all()) yield* shoal.networks ?? [];
}

/** One round. Returns when to look at a network again although nothing changes. */
export function reconcile(
  tx: Tx,
  keys: ReadonlySet<string>,
  now: number,
  log: Pick<Logger, 'warn' | 'error'>,
): Map<string, number> {
  const wakeUps = new Map<string, number>();
  for (const serviceId of servicesIn(tx, keys)) allocateRolledBack(tx, serviceId, now, log);
  for (const key of keys) {
    if (tx.services.get(key)) continue;
    try {
      const again = wakeAt(reconcileNetwork(tx, key, now));
      if (again !== undefined) wakeUps.set(key, again);
    } catch (error) {
      log.error({ err: error, networkId: key }, 'no decision about a network, trying again');
      wakeUps.set(key, now + retryMs);
    }
  }
  return wakeUps;
}

/** Services to look at: those named, and those on a named network that still miss their address there. */
function servicesIn(tx: Tx, keys: ReadonlySet<string>): Set<string> {
  const ids = new Set<string>();
  for (const key of keys) {
    if (tx.services.get(key)) ids.add(key);
    for (const { ID } of tx.services.by('network', key)) ids.add(ID);
  }
  return ids;
}

/** The API allocates for a service when it takes it; left are those whose spec an automatic rollback put back. */
function allocateRolledBack(tx: Tx, serviceId: string, now: number, log: Pick<Logger, 'warn'>): void {
  const service = tx.services.get(serviceId);
  if (!service || service.shoal.removing || isAllocated(tx, service)) return;
  try {
    const allocated = allocateService(tx, serviceId, service.Spec, service.shoal, now);
    tx.services.update({ ...service, shoal: { ...service.shoal, ...allocated } });
  } catch (error) {
    // Tried again with the next change of the service or of one of its networks.
    log.warn({ err: error, serviceId }, 'the service can not have the ports or addresses its spec asks for');
  }
}

function reconcileNetwork(tx: Tx, networkId: string, now: number): readonly Wait[] {
  const network = tx.networks.get(networkId);
  if (!network) {
    const stranded = tx.tasks.by('network', networkId).filter((task) => waitsFor(task, networkId));
    const text = `network ${networkId} does not exist any more: update the service`;
    for (const task of stranded) for (const changed of keptWaiting(task, text)) tx.tasks.update(changed);
    return [];
  }
  const decision = allocateTasks(tx, network, now);
  if (decision.remove) tx.networks.remove(networkId);
  if (decision.network) tx.networks.update(decision.network);
  for (const task of decision.tasks) tx.tasks.update(task);
  return decision.waits;
}

/** Ids of the networks and services that have to be looked at because of one change. */
export function affected(view: ReadView, change: Change): Iterable<string> {
  const { before, after } = change;
  switch (change.table) {
    case 'tasks':
      return taskMatters(change) ? networksIn(before as Task, after as Task) : [];
    case 'services':
      return [change.id, ...networksLeft(change)];
    case 'networks':
      // Its subnets may be what others wait for.
      if (!after) return [...view.networks.all()].map(({ ID }) => ID);
      return !before || change.before?.shoal.removing !== change.after?.shoal.removing ? [change.id] : [];
    default:
      return [];
  }
}

/** What a service gets is written with it; what it leaves is there for others. */
function networksLeft({ before, after }: Extract<Change, { table: 'services' }>): string[] {
  const kept = after?.shoal.attachments ?? [];
  const left = (before?.shoal.attachments ?? []).filter(
    ({ networkId, vip }) => !kept.some((one) => one.networkId === networkId && one.vip === vip),
  );
  return left.map(({ networkId }) => networkId);
}

const networksIn = (...tasks: readonly (Task | undefined)[]): Set<string> =>
  new Set(tasks.flatMap((task) => task?.shoal.networks ?? []));

/** A task waits for an address now, or something that it had is free; that it got one is our own doing. */
function taskMatters({ before, after }: Extract<Change, { table: 'tasks' }>): boolean {
  for (const id of networksIn(before, after)) {
    const had = before ? claim(before, id) : 'nothing';
    const has = after ? claim(after, id) : 'nothing';
    if (had !== has && !(had === 'waits' && has === 'holds')) return true;
  }
  return false;
}

function claim(task: Task, networkId: string): 'nothing' | 'waits' | 'holds' {
  if (isTerminal(stateOf(task))) return 'nothing';
  if (addressOn(task, networkId) !== undefined) return 'holds';
  return waitsFor(task, networkId) ? 'waits' : 'nothing';
}
