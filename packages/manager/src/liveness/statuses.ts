import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import { countingFalls, type Leases, type Node, type NodeStatus } from '../model/index.ts';
import type { Store } from '../store/index.ts';

/** What shall stand in the store about a node that is not heard. */
export interface Said {
  readonly State: 'down' | 'disconnected';
  /** Also how it is recognized later as ours. */
  readonly Message: string;
}

/**
 * Writes what is thought of the nodes into the store, all of it in one transaction, and tries again until it is
 * there. A node that is down for another reason, which its own agent told, is left as it is.
 */
export class Statuses {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #said = new Map<string, Said>();
  /** Nodes that were heard again, and what was said of them before. */
  readonly #takenBack = new Map<string, Said>();
  /** What became of the isolated tasks of nodes; undefined for those that are heard. */
  readonly #leases = new Map<string, Leases | undefined>();
  #writing = false;

  constructor(store: Store, clock: Clock, log: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  say(nodeId: string, said: Said): void {
    // While the store still has what was taken back, its words are what this is recognized by.
    const { Message } = this.#takenBack.get(nodeId) ?? said;
    this.#takenBack.delete(nodeId);
    this.#said.set(nodeId, { ...said, Message });
  }

  setLeases(nodeId: string, leases: Leases | undefined): void {
    this.#leases.set(nodeId, leases);
  }

  has(nodeId: string): boolean {
    return this.#said.has(nodeId);
  }

  takeBack(nodeId: string): void {
    const said = this.#said.get(nodeId);
    if (said) this.#takenBack.set(nodeId, said);
    this.#said.delete(nodeId);
  }

  forget(nodeId: string): void {
    this.#said.delete(nodeId);
    this.#takenBack.delete(nodeId);
    this.#leases.delete(nodeId);
  }

  /** Starts a write when there is something to write and none is under way. Call it again and again. */
  settle(): void {
    if (this.#writing || this.#pending(this.#store.view.nodes).length === 0) return;
    this.#writing = true;
    this.#store
      .update((tx) => {
        for (const node of this.#pending(tx.nodes)) tx.nodes.update(node);
      })
      .catch((err) => this.#log.error({ err }, 'could not record silent nodes, trying again'))
      .finally(() => {
        this.#writing = false;
      });
  }

  /** The nodes as they should be, where they are not. */
  #pending(nodes: { get(id: string): Node | undefined }): Node[] {
    const pending = new Map<string, Node>();
    for (const [id, said] of this.#said) {
      const node = nodes.get(id);
      if (!node || node.Status.State === 'down') continue;
      if (node.Status.State === said.State && node.Status.Message === said.Message) continue;
      pending.set(id, this.#changed(node, { ...node.Status, ...said }));
    }
    for (const [id, said] of this.#takenBack) {
      const node = nodes.get(id);
      if (node?.Status.Message !== said.Message) {
        // Not written yet, or its agent has told anew how it is.
        if (!this.#writing) this.#takenBack.delete(id);
        continue;
      }
      const { Message: _, ...rest }: NodeStatus = node.Status;
      pending.set(id, this.#changed(node, { ...rest, State: 'ready' }));
    }
    // In the same transaction: a node that is down because it is not heard is never seen without this.
    for (const [id, leases] of this.#leases) {
      const node = pending.get(id) ?? nodes.get(id);
      if (!node) continue;
      const { leases: known, ...shoal } = node.shoal;
      const present = node.Status.State === 'down' ? leases : undefined;
      if (known !== present)
        pending.set(id, { ...node, shoal: { ...shoal, ...(present && { leases: present }) } });
    }
    return [...pending.values()];
  }

  #changed(node: Node, Status: NodeStatus): Node {
    return countingFalls(node, { ...node, Status }, this.#clock());
  }
}
