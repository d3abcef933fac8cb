import type { StatusBatch, TaskStatus } from '@shoal/proto';

/** A batch stays well below gRPC's limit of 4 MB a message. */
const mostInBatch = 1_000;

interface Sent {
  readonly status: TaskStatus;
  readonly batch: number;
  /** Milliseconds, of any clock. */
  readonly at: number;
}

/**
 * Statuses on their way to the manager: the newest of each task, until the manager has accepted it. No
 * bigger than the number of tasks, however long the manager is away.
 */
export class Outbox {
  readonly #waiting = new Map<string, TaskStatus>();
  readonly #sent = new Map<string, Sent>();
  #batches = 0;

  put(status: TaskStatus): void {
    this.#waiting.set(status.taskId, status);
    this.#sent.delete(status.taskId);
  }

  /** The task is gone for everybody. */
  drop(taskId: string): void {
    this.#waiting.delete(taskId);
    this.#sent.delete(taskId);
  }

  /** The next batch to send now; undefined when nothing waits. */
  take(now: number): StatusBatch | undefined {
    if (this.#waiting.size === 0) return undefined;
    this.#batches += 1;
    const statuses = [...this.#waiting.values()].slice(0, mostInBatch);
    for (const status of statuses) {
      this.#waiting.delete(status.taskId);
      this.#sent.set(status.taskId, { status, batch: this.#batches, at: now });
    }
    return { number: this.#batches, statuses };
  }

  /** Returns the tasks whose newest status was in that batch. */
  acknowledge(batch: number): string[] {
    const taskIds = [...this.#sent].filter(([, sent]) => sent.batch === batch).map(([taskId]) => taskId);
    for (const taskId of taskIds) this.#sent.delete(taskId);
    return taskIds;
  }

  /** What was sent before `deadline` and not accepted has to be sent again. */
  expire(deadline: number): void {
    for (const { status, at } of this.#sent.values()) if (at < deadline) this.put(status);
  }
}
