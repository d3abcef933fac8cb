import type { Assignment } from '@shoal/proto';
import type { Check, Container, ContainerLimits, Question } from './container.ts';

/** The daemon, or the host, refused for good. Everything else that goes wrong may be tried again. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reason: 'conflict' | 'missing' | 'other';

  constructor(reason: Refused['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What the tasks need from a Docker daemon. All calls are bounded in time. */
export interface ContainerDaemon {
  /** The container of a task of the cluster by id or name; undefined when there is none or it belongs to someone else. */
  find(taskId: string, idOrName: string): Promise<Container | undefined>;
  /** The reason why the image could not be pulled; empty when it is here. Rejects only when aborted. */
  pull(image: string, auth: string, signal: AbortSignal): Promise<string>;
  /** @throws Refused `conflict` when the name is taken, `missing` when the image is. */
  create(assignment: Assignment): Promise<Container>;
  /** @throws Refused `missing` when the container is gone. */
  start(id: string): Promise<void>;
  /**
   * Runs a container's health check in it; false when it fails, or does not end in time. When the signal fires it is ended,
   * and the call rejects.
   * @throws Refused `missing` when the container is gone, `conflict` when it does not run.
   */
  probe(id: string, check: Check, signal: AbortSignal): Promise<boolean>;
  /**
   * What is wrong with a container's answer; empty when it is good. When the signal fires, the call rejects.
   * @throws Refused `missing` when the container is gone, `conflict` when it does not run.
   */
  ask(container: Container, question: Question, signal: AbortSignal): Promise<string>;
  /** Stop signal, grace period, kill; done when the container has ended or is gone. */
  stop(id: string, timeoutMs: number): Promise<void>;
  /**
   * Changes the limits of a container while it runs.
   * @throws Refused also when it uses more memory than it may in future, and `missing` when the container is gone.
   */
  limit(id: string, wanted: ContainerLimits, present: ContainerLimits): Promise<void>;
  /** The last few lines that a container wrote, in one; empty where they can't be had. Never rejects. */
  lastLines(id: string): Promise<string>;
  /** Without the daemon; done when none of its processes is left. */
  kill(id: string): Promise<void>;
  /** With its anonymous volumes; done when it is gone. */
  remove(id: string): Promise<void>;
}

/** Files of secrets and configs that containers mount. */
export interface TaskFiles {
  /** Those of the task are there, or can be made. */
  has(assignment: Assignment): boolean;
  /**
   * Makes them, where they are not there yet; before its container is made or started.
   * @throws Refused where this host can have none.
   */
  put(assignment: Assignment): Promise<void>;
  /** They are needed no more. */
  drop(taskId: string): void;
  /** None of other tasks are. */
  keepOnly(isTask: (taskId: string) => boolean): void;
}
