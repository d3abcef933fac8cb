/**
 * A stop waits no longer than this for nodes that do not say that they took the endpoint out. Long, since a host that
 * is only busy would lose requests; nodes without a session, and those that nobody reaches, are not waited for at all.
 */
export const withdrawalMs = 10_000;

interface Withdrawal {
  readonly taskId: string;
  /** The node that runs the task. */
  readonly owner: string;
  /** Nodes that still have the endpoint, as far as is known. */
  readonly nodes: Set<string>;
  readonly deadline: number;
}

/** What a node has not taken out yet. */
interface Owing {
  /** It was not yet sent the change. */
  readonly unsent: Set<Withdrawal>;
  /** Number of the set that carries the change, until the node says that it is in its kernel; in order of numbers. */
  readonly unapplied: Map<Withdrawal, number>;
}

/**
 * Tasks that shall stop, but not before every node has taken them out of its load balancer and names:
 * no connection may be sent to a container that is already stopping. Times in ms since the epoch.
 */
export class Withdrawals {
  /** By task, in the order of their deadlines. */
  readonly #open = new Map<string, Withdrawal>();
  readonly #owing = new Map<string, Owing>();

  /** `nodes`: those that know the task as an endpoint. */
  begin(taskId: string, owner: string, nodes: Iterable<string>, now: number): void {
    this.forget(taskId);
    const withdrawal = { taskId, owner, nodes: new Set(nodes), deadline: now + withdrawalMs };
    if (withdrawal.nodes.size === 0) return;
    this.#open.set(taskId, withdrawal);
    for (const nodeId of withdrawal.nodes) this.#owingOf(nodeId).unsent.add(withdrawal);
  }

  /** The stop of this task has to wait. */
  holds(taskId: string): boolean {
    return this.#open.has(taskId);
  }

  /** When the first of them has waited long enough. */
  get deadline(): number | undefined {
    return this.#open.values().next().value?.deadline;
  }

  /** A stop waits for the node: what it is sent now, or was sent before. */
  awaits(nodeId: string): boolean {
    return this.#owing.has(nodeId);
  }

  /** What a node was sent up to `number` has all changes so far. */
  sent(nodeId: string, number: number): void {
    const owing = this.#owing.get(nodeId);
    if (!owing) return;
    for (const withdrawal of owing.unsent) owing.unapplied.set(withdrawal, number);
    owing.unsent.clear();
  }

  /** The node has everything up to `number` in its kernel. Returns the tasks that may stop now, with their nodes. */
  applied(nodeId: string, number: number): Map<string, string> {
    const done: Withdrawal[] = [];
    for (const [withdrawal, carrier] of this.#owing.get(nodeId)?.unapplied ?? []) {
      if (carrier > number) break;
      done.push(withdrawal);
    }
    return this.#taken(nodeId, done);
  }

  /** What the node is sent is numbered anew, and begins with everything. */
  restarted(nodeId: string): void {
    const owing = this.#owing.get(nodeId);
    if (!owing) return;
    for (const withdrawal of owing.unapplied.keys()) owing.unsent.add(withdrawal);
    owing.unapplied.clear();
  }

  /** The node has no session any more, or nobody reaches it: nobody waits for it. */
  left(nodeId: string): Map<string, string> {
    const { unsent = [], unapplied = new Map() } = this.#owing.get(nodeId) ?? {};
    return this.#taken(nodeId, [...unsent, ...unapplied.keys()]);
  }

  /** Tasks that waited long enough. */
  expired(now: number): Map<string, string> {
    const released = new Map<string, string>();
    for (const { taskId, owner, deadline } of this.#open.values()) {
      if (deadline > now) break;
      released.set(taskId, owner);
      this.forget(taskId);
    }
    return released;
  }

  /** The task is gone: nothing to wait for. */
  forget(taskId: string): void {
    const withdrawal = this.#open.get(taskId);
    if (!withdrawal) return;
    this.#open.delete(taskId);
    for (const nodeId of withdrawal.nodes) this.#clear(nodeId, withdrawal);
  }

  /** The node has taken these out. */
  #taken(nodeId: string, withdrawals: readonly Withdrawal[]): Map<string, string> {
    const released = new Map<string, string>();
    for (const withdrawal of withdrawals) {
      const { taskId, owner, nodes } = withdrawal;
      this.#clear(nodeId, withdrawal);
      nodes.delete(nodeId);
      if (nodes.size > 0) continue;
      this.#open.delete(taskId);
      released.set(taskId, owner);
    }
    return released;
  }

  #clear(nodeId: string, withdrawal: Withdrawal): void {
    const owing = this.#owing.get(nodeId);
    owing?.unsent.delete(withdrawal);
    owing?.unapplied.delete(withdrawal);
    if (owing && owing.unsent.size + owing.unapplied.size === 0) this.#owing.delete(nodeId);
  }

  #owingOf(nodeId: string): Owing {
    let owing = this.#owing.get(nodeId);
    if (!owing) {
      owing = { unsent: new Set(), unapplied: new Map() };
      this.#owing.set(nodeId, owing);
    }
    return owing;
  }
}
