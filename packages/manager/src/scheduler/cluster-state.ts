import {
  isReady,
  isRefused,
  isTerminal,
  isWanted,
  type Node,
  type Service,
  stateOf,
  type Task,
  versionAtEnd,
} from '../model/index.ts';
import type { Change, ChangeBatch, ReadView } from '../store/index.ts';
import { Failures } from './failures.ts';
import { imageNames } from './images.ts';
import { Affinities } from './neighbours.ts';
import { changeCount, Occupancy } from './occupancy.ts';
import { isPending, loadOf, occupies, type TaskLoad, takesRoom } from './task-load.ts';
import { TasksBySlot } from './tasks-by-slot.ts';
import { tieBreak } from './tie-break.ts';

export interface NodeState {
  /** Absent once the node is removed while tasks on it are not. */
  node: Node | undefined;
  readonly used: Occupancy;
  failures: Failures;
}

/** Room on a node that will be free when a task starts there. */
export interface Vacancy {
  readonly nodeId: string;
  readonly load: TaskLoad;
}

/**
 * What the scheduler needs to know of the cluster, kept up to date change by change.
 *
 * A slot counts once, with its newest task that is meant to run and has a node: the others are about to leave, since
 * that one takes over from them. So an update, a move or a drain sees the service as it will be when it is done. As long
 * as a successor has no node, what it takes over from counts for everybody but the successor itself.
 */
export class ClusterState {
  readonly nodes = new Map<string, NodeState>();
  readonly services = new Map<string, Service>();
  /** Tasks that count, by service, then node. */
  readonly counts = new Map<string, Map<string, number>>();
  /** Nodes that have an image, by its plain reference. */
  readonly images = new Map<string, number>();
  /** Tasks that wait for a node, by id. */
  readonly pending = new Map<string, Task>();
  /** Tasks that leave for others of a higher priority, and are not gone yet. */
  readonly preempted = new Map<string, Task>();
  readonly affinities = new Affinities();
  readonly #slots = new TasksBySlot();
  #order: { readonly seed: number; readonly ids: readonly string[] } | undefined;

  static from(view: ReadView): ClusterState {
    const state = new ClusterState();
    for (const node of view.nodes.all()) state.#putNode(node.ID, node);
    for (const service of view.services.all()) state.#putService(service.ID, service);
    for (const task of view.tasks.all()) state.#addTask(task);
    return state;
  }

  /** Cost follows the number of changes. */
  apply(batch: ChangeBatch): void {
    // Nodes first: a failure is noted only on a node that is known.
    for (const change of batch.changes) if (change.table === 'nodes') this.#putNode(change.id, change.after);
    for (const change of batch.changes) {
      if (change.table === 'tasks') this.#changeTask(change);
      else if (change.table === 'services') this.#putService(change.id, change.after);
    }
  }

  /** Ids of all nodes in an order that they and the seed make; it decides between equals. */
  order(seed: number): readonly string[] {
    if (this.#order?.seed !== seed) {
      const ties = new Map([...this.nodes.keys()].map((id) => [id, tieBreak(id, seed)]));
      const tie = (id: string) => ties.get(id) ?? 0;
      const ids = [...ties.keys()].sort((a, b) => tie(a) - tie(b) || (a < b ? -1 : 1));
      this.#order = { seed, ids };
    }
    return this.#order.ids;
  }

  /** Makes as if the task still had to be placed. */
  unplace(task: Task): void {
    this.#removeTask(task);
    const { observed: _observed, placement: _, nodeRemovedAt: _at, ...unplaced } = task;
    this.#addTask(unplaced);
  }

  /** Room that others hold who will have ended before the task starts. */
  vacanciesFor(task: Task): readonly Vacancy[] {
    const { stopFirst, exchange } = task.shoal;
    if (!stopFirst) return none;
    const own = this.#slots.of(task);
    const others = exchange ? this.#slots.at(exchange.serviceId, exchange.slot) : [];
    return [
      ...own.filter((one) => one.ID !== task.ID && !isPreempted(one)).flatMap((one) => vacancy(one, own)),
      ...others.filter(({ ID }) => ID === exchange?.old).flatMap((one) => vacancy(one, others)),
    ];
  }

  /** Of a task without a node: the one that counts in its slot until it has one. */
  predecessorOf(task: Task): Task | undefined {
    const holder = holderOf(this.#slots.of(task));
    return holder?.ID === task.ID ? undefined : holder;
  }

  #changeTask({ before, after }: Extract<Change, { table: 'tasks' }>): void {
    if (before) this.#removeTask(before);
    if (after) this.#addTask(after);
  }

  #putService(id: string, service: Service | undefined): void {
    const known = this.services.get(id);
    if (known) this.affinities.remove(known);
    if (service) this.affinities.add(service);
    if (service) this.services.set(id, service);
    else this.services.delete(id);
  }

  #putNode(id: string, node: Node | undefined): void {
    const known = this.nodes.get(id);
    this.#countImages(known?.node?.reported.images, node?.reported.images);
    if (known) {
      // A node that comes back has a clean record: what failed while it broke down says nothing about it now.
      if (isReady(node) && !isReady(known.node)) known.failures = new Failures();
      known.node = node;
    } else this.#newNode(id, node);
    this.#dropIfGone(id);
  }

  #countImages(before: readonly string[] = [], after: readonly string[] = []): void {
    if (before === after) return;
    for (const name of imageNames(before)) changeCount(this.images, name, -1);
    for (const name of imageNames(after)) changeCount(this.images, name, 1);
  }

  #addTask(task: Task): void {
    if (isPending(task)) this.pending.set(task.ID, task);
    if (isPreempted(task) && occupies(task)) this.preempted.set(task.ID, task);
    if (!isTerminal(stateOf(task))) this.#changeSlot(task, () => this.#slots.add(task));
    // Of an ended task that the store removes later, the failure stays until it is too old to count.
    if (task.observed?.state === 'failed' || task.observed?.state === 'rejected') {
      // The store's time of writing: clocks of hosts may be wrong.
      const at = Date.parse(task.UpdatedAt);
      this.nodes
        .get(task.NodeID ?? '')
        ?.failures.note(keyOf(task, versionAtEnd(task)), task.ID, at, isNodesFault(task));
    }
  }

  #removeTask(task: Task): void {
    this.pending.delete(task.ID);
    this.preempted.delete(task.ID);
    if (isTerminal(stateOf(task))) return;
    this.#changeSlot(task, () => this.#slots.remove(task));
    if (task.NodeID !== undefined) this.#dropIfGone(task.NodeID);
  }

  /** Which of its tasks counts may be another one afterwards. */
  #changeSlot(task: Task, change: () => void): void {
    const before = this.#slots.of(task);
    this.#load(before, -1);
    change();
    const after = this.#slots.of(task);
    this.#load(after, 1);
  }

  #load(inSlot: readonly Task[], by: 1 | -1): void {
    const holder = holderOf(inSlot);
    for (const task of inSlot) {
      const { NodeID, ServiceID } = task;
      if (NodeID === undefined || !occupies(task)) continue;
      const { used } = this.nodes.get(NodeID) ?? this.#newNode(NodeID, undefined);
      const load = loadOf(task, stays(task, inSlot));
      if (by === 1) used.add(load);
      else used.remove(load);
      if (task === holder) this.#countService(ServiceID, NodeID, by);
    }
  }

  #countService(service: string, node: string, by: 1 | -1): void {
    const counts = this.counts.get(service) ?? new Map<string, number>();
    this.counts.set(service, counts);
    changeCount(counts, node, by);
    if (counts.size === 0) this.counts.delete(service);
  }

  #newNode(id: string, node: Node | undefined): NodeState {
    const state = { node, used: new Occupancy(), failures: new Failures() };
    this.nodes.set(id, state);
    this.#order = undefined;
    return state;
  }

  #dropIfGone(id: string): void {
    const state = this.nodes.get(id);
    if (!state || state.node || state.used.tasks > 0) return;
    this.nodes.delete(id);
    this.#order = undefined;
  }
}

/**
 * One such failure is enough to try other nodes first: where the task was refused; where it was killed for want of
 * memory, whatever used that up, but not by a limit of its own; where it did not come to run, but ran elsewhere until it
 * was moved.
 */
const isNodesFault = (task: Task): boolean =>
  isRefused(task) ||
  (task.observed?.oomKilled === true && !task.Spec.Resources?.Limits?.MemoryBytes) ||
  (task.shoal.moves !== undefined && task.shoal.runningSince === undefined);

/** Its room is another's, for whom it leaves. */
const isPreempted = ({ shoal }: Task): boolean => shoal.stopReason === 'preempted';

function vacancy(task: Task, inSlot: readonly Task[]): Vacancy[] {
  if (task.NodeID === undefined || !occupies(task)) return [];
  const load = loadOf(task, stays(task, inSlot));
  return takesRoom(load) ? [{ nodeId: task.NodeID, load }] : [];
}

/** The task that counts in its slot, see `ClusterState`. */
const holderOf = (inSlot: readonly Task[]): Task | undefined =>
  inSlot.find((task) => isWanted(task) && occupies(task));

/** No other task is to take over from it, neither one that has a node nor one that waits for it. */
const stays = (task: Task, inSlot: readonly Task[]): boolean => inSlot.find(isWanted)?.ID === task.ID;

const none: readonly Vacancy[] = [];

/** Tasks with the same key are equal: same service, same version of its spec. */
export const versionKey = (task: Task): string => keyOf(task, task.shoal.specVersion);

const keyOf = ({ ServiceID }: Task, version: number): string => `${ServiceID}/${version}`;
