/**
 * A stop waits no longer than this for nodes that do not say that they took the endpoint out. Long, since a host that
 * is only busy would lose requests; nodes without a session, and those that nobody reaches, are not waited for at all.
 */
export const withdrawalMs = 10_000;

interface Withdrawal {
  readonly owner: string;
  /** Nodes that were not yet sent the change. */
  readonly unsent: Set<string>;
  /** Node → number of the assignments that carry the change, until it says that they are in its kernel. */
  readonly unapplied: Map<string, number>;
  readonly deadline: number;
}

/**
 * Tasks that shall stop, but not before every node has taken them out of its load balancer and names:
 * no connection may be sent to a container that is already stopping. Times in ms since the epoch.
 */
export class Withdrawals {
  readonly #open = new Map<string, Withdrawal>();

  /** `nodes`: those that know the task as an endpoint. */
  begin(taskId: string, owner: string, nodes: Iterable<string>, now: number): void {
    const unsent = new Set(nodes);
    if (unsent.size === 0) return;
    this.#open.set(taskId, { owner, unsent, unapplied: new Map(), deadline: now + withdrawalMs });
  }

  /** The stop of this task has to wait. */
  holds(taskId: string): boolean {
    return this.#open.has(taskId);
  }

  /** When the first of them has waited long enough. */
  get deadline(): number | undefined {
    let first: number | undefined;
    for (const { deadline } of this.#open.values()) first = Math.min(first ?? deadline, deadline);
    return first;
  }

  /** What a node was sent up to `number` has all changes so far. */
  sent(nodeId: string, number: number): void {
    for (const { unsent, unapplied } of this.#open.values())
      if (unsent.delete(nodeId)) unapplied.set(nodeId, number);
  }

  /** The node has everything up to `number` in its kernel. Returns the tasks that may stop now, with their nodes. */
  applied(nodeId: string, number: number): Map<string, string> {
    for (const { unapplied } of this.#open.values()) {
      const waiting = unapplied.get(nodeId);
      if (waiting !== undefined && waiting <= number) unapplied.delete(nodeId);
    }
    return this.#release(({ unsent, unapplied }) => unsent.size + unapplied.size === 0);
  }

  /** What the node is sent is numbered anew, and begins with everything. */
  restarted(nodeId: string): void {
    for (const { unsent, unapplied } of this.#open.values()) if (unapplied.delete(nodeId)) unsent.add(nodeId);
  }

  /** The node has no session any more, or nobody reaches it: nobody waits for it. */
  left(nodeId: string): Map<string, string> {
    for (const { unsent, unapplied } of this.#open.values()) {
      unsent.delete(nodeId);
      unapplied.delete(nodeId);
    }
    return this.#release(({ unsent, unapplied }) => unsent.size + unapplied.size === 0);
  }

  /** Tasks that waited long enough. */
  expired(now: number): Map<string, string> {
    return this.#release(({ deadline }) => deadline <= now);
  }

  /** The task is gone: nothing to wait for. */
  forget(taskId: string): void {
    this.#open.delete(taskId);
  }

  #release(free: (withdrawal: Withdrawal) => boolean): Map<string, string> {
    const released = new Map<string, string>();
    for (const [taskId, withdrawal] of this.#open) {
      if (!free(withdrawal)) continue;
      this.#open.delete(taskId);
      released.set(taskId, withdrawal.owner);
    }
    return released;
  }
}
