/** How long a failure counts; length and limit are Swarm's (manager/scheduler/scheduler.go). */
export const failureWindowMs = 5 * 60_000;
/** So many recent failures of one version of a service put a node behind all others. */
export const failureLimit = 5;
/** One that is the node's fault does so alone. */
const nodesFaultWeight = failureLimit;

interface Failure {
  /** Ms since the epoch. */
  readonly at: number;
  readonly weight: number;
}

/** Tasks that failed or were rejected on one node, by service and version of its spec. */
export class Failures {
  readonly #byVersion = new Map<string, Map<string, Failure>>();
  #newest = 0;
  #swept = 0;

  /** `at` in ms since the epoch. Noting the same task again moves it. */
  note(version: string, taskId: string, at: number, nodesFault = false): void {
    this.#newest = Math.max(this.#newest, at);
    const failure = { at, weight: nodesFault ? nodesFaultWeight : 1 };
    const tasks = this.#byVersion.get(version);
    if (tasks) tasks.set(taskId, failure);
    else this.#byVersion.set(version, new Map([[taskId, failure]]));
    if (this.#newest - this.#swept > failureWindowMs) this.#sweep();
  }

  get empty(): boolean {
    return this.#byVersion.size === 0;
  }

  /** Failures after `since` (ms since the epoch), those that are the node's fault with their weight. */
  count(version: string, since: number): number {
    if (this.#byVersion.size === 0) return 0;
    let count = 0;
    for (const { at, weight } of this.#byVersion.get(version)?.values() ?? [])
      if (at > since) count += weight;
    return count;
  }

  #sweep(): void {
    this.#swept = this.#newest;
    for (const [version, tasks] of this.#byVersion) {
      for (const [id, { at }] of tasks) if (at < this.#newest - failureWindowMs) tasks.delete(id);
      if (tasks.size === 0) this.#byVersion.delete(version);
    }
  }
}
