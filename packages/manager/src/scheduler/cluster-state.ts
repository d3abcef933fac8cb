import type { Node, Task } from '../model/index.ts';
import type { Change, ChangeBatch, ReadView } from '../store/index.ts';
import { Failures } from './failures.ts';
import { imageNames } from './images.ts';
import { changeCount, Occupancy } from './occupancy.ts';
import { isPending, loadOf, occupies } from './task-load.ts';

export interface NodeState {
  /** Absent once the node is removed while tasks on it are not. */
  node: Node | undefined;
  readonly used: Occupancy;
  failures: Failures;
}

/** What the scheduler needs to know of the cluster, kept up to date change by change. */
export class ClusterState {
  readonly nodes = new Map<string, NodeState>();
  /** Active tasks by service, then node. */
  readonly services = new Map<string, Map<string, number>>();
  /** Nodes that have an image, by its plain reference. */
  readonly images = new Map<string, number>();
  /** Tasks that wait for a node, by id. */
  readonly pending = new Map<string, Task>();

  static from(view: ReadView): ClusterState {
    const state = new ClusterState();
    for (const node of view.nodes.all()) state.#putNode(node.ID, node);
    for (const task of view.tasks.all()) state.#addTask(task);
    return state;
  }

  /** Cost follows the number of changes. */
  apply(batch: ChangeBatch): void {
    // Nodes first: a failure is noted only on a node that is known.
    for (const change of batch.changes) if (change.table === 'nodes') this.#putNode(change.id, change.after);
    for (const change of batch.changes) if (change.table === 'tasks') this.#changeTask(change);
  }

  /** Takes one task out, as if it had never been placed. */
  forget(task: Task): void {
    this.pending.delete(task.ID);
    const { NodeID } = task;
    if (NodeID === undefined || !occupies(task)) return;
    const load = loadOf(task);
    this.nodes.get(NodeID)?.used.remove(load);
    if (load.active) this.#countService(task.ServiceID, NodeID, -1);
    this.#dropIfGone(NodeID);
  }

  #changeTask({ before, after }: Extract<Change, { table: 'tasks' }>): void {
    if (before) this.forget(before);
    if (after) this.#addTask(after);
  }

  #putNode(id: string, node: Node | undefined): void {
    const known = this.nodes.get(id);
    this.#countImages(known?.node?.shoal.images, node?.shoal.images);
    if (known) {
      // A node that comes back has a clean record: what failed while it broke down says nothing about it now.
      if (node?.Status.State === 'ready' && known.node?.Status.State !== 'ready')
        known.failures = new Failures();
      known.node = node;
    } else this.nodes.set(id, { node, used: new Occupancy(), failures: new Failures() });
    this.#dropIfGone(id);
  }

  #countImages(before: readonly string[] = [], after: readonly string[] = []): void {
    if (before === after) return;
    for (const name of imageNames(before)) changeCount(this.images, name, -1);
    for (const name of imageNames(after)) changeCount(this.images, name, 1);
  }

  #addTask(task: Task): void {
    if (isPending(task)) this.pending.set(task.ID, task);
    const { NodeID } = task;
    if (NodeID === undefined) return;
    if (occupies(task)) {
      const load = loadOf(task);
      if (!this.nodes.has(NodeID)) {
        this.nodes.set(NodeID, { node: undefined, used: new Occupancy(), failures: new Failures() });
      }
      this.nodes.get(NodeID)?.used.add(load);
      if (load.active) this.#countService(task.ServiceID, NodeID, 1);
    }
    // Of an ended task that the store removes later, the failure stays until it is too old to count.
    if (task.Status.State === 'failed' || task.Status.State === 'rejected') {
      // The store's time of writing: clocks of hosts may be wrong.
      const at = Date.parse(task.UpdatedAt);
      const outOfMemory = task.Status.OOMKilled === true;
      this.nodes.get(NodeID)?.failures.note(versionKey(task), task.ID, at, outOfMemory);
    }
  }

  #countService(service: string, node: string, by: 1 | -1): void {
    const counts = this.services.get(service) ?? new Map<string, number>();
    this.services.set(service, counts);
    changeCount(counts, node, by);
    if (counts.size === 0) this.services.delete(service);
  }

  #dropIfGone(id: string): void {
    const state = this.nodes.get(id);
    if (state && !state.node && state.used.tasks === 0) this.nodes.delete(id);
  }
}

/** Tasks with the same key are equal: same service, same version of its spec. */
export const versionKey = (task: Task): string => `${task.ServiceID}/${task.shoal.specVersion}`;
