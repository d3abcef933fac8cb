import { setTimeout as sleep } from 'node:timers/promises';
import type { Ask } from './ask.ts';
import { after, type DrillEvent, type TaskState, unseen, type View } from './view.ts';

/** How often the manager is asked: a figure may be late by this much and the time of an answer. */
const everyMs = { nodes: 20, tasks: 50 };
/** A manager that takes longer does not answer. */
const answerMs = 3_000;

interface NodeAnswer {
  ID: string;
  Description?: { Hostname?: string };
  Status?: { State?: string };
}

interface TaskAnswer {
  ID: string;
  Slot?: number;
  NodeID?: string;
  DesiredState: string;
  Status: { State: string; Err?: string };
}

/** Looks at all nodes and the tasks of one service until stopped, and tells what changed. */
export class Watch {
  readonly #ask: Ask;
  readonly #service: string;
  readonly #tell: (event: DrillEvent) => void;
  readonly #hostOf = new Map<string, string>();
  readonly #looking: Promise<unknown>;
  #view = unseen;
  #stopped = false;

  constructor(ask: Ask, service: string, tell: (event: DrillEvent) => void) {
    this.#ask = ask;
    this.#service = service;
    this.#tell = tell;
    this.#looking = Promise.all([
      this.#again(everyMs.nodes, () => this.#nodes()),
      this.#again(everyMs.tasks, () => this.#tasks()),
    ]);
  }

  get view(): View {
    return this.#view;
  }

  /** True as soon as it holds, false after `timeoutMs`. */
  async until(holds: (view: View) => boolean, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const limit = performance.now() + timeoutMs;
    while (!holds(this.#view)) {
      if (performance.now() >= limit) return false;
      await sleep(10, undefined, { signal });
    }
    return true;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
  }

  async #again(ms: number, look: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      // While the manager is away, what it said last still counts.
      const answers = await look().then(
        () => true,
        () => false,
      );
      if (!this.#stopped) this.#managerAnswers(answers);
      await sleep(ms);
    }
  }

  #managerAnswers(answers: boolean): void {
    if (this.#view.managerAnswers !== answers) this.#see({ type: 'manager', atMs: Date.now(), answers });
  }

  async #nodes(): Promise<void> {
    const nodes = await this.#ask<NodeAnswer[]>('GET', '/nodes', { timeoutMs: answerMs });
    const atMs = Date.now();
    for (const { ID, Description, Status } of nodes) {
      const host = Description?.Hostname ?? ID;
      const state = Status?.State ?? 'unknown';
      this.#hostOf.set(ID, host);
      if (this.#view.nodes.get(host) !== state) this.#see({ type: 'node', atMs, host, state });
    }
  }

  async #tasks(): Promise<void> {
    const filters = encodeURIComponent(JSON.stringify({ service: [this.#service] }));
    const tasks = await this.#ask<TaskAnswer[]>('GET', `/tasks?filters=${filters}`, {
      timeoutMs: answerMs,
    });
    const atMs = Date.now();
    for (const answer of tasks) {
      const task = this.#stateOf(answer);
      const known = this.#view.tasks.get(task.id);
      if (!known || differ(known, task)) this.#see({ type: 'task', atMs, task });
    }
    const ids = new Set(tasks.map(({ ID }) => ID));
    for (const id of this.#view.tasks.keys()) if (!ids.has(id)) this.#see({ type: 'gone', atMs, id });
  }

  #stateOf({ ID, Slot, NodeID, DesiredState, Status }: TaskAnswer): TaskState {
    const host = NodeID ? (this.#hostOf.get(NodeID) ?? NodeID) : undefined;
    return {
      id: ID,
      slot: Slot ?? 0,
      desired: DesiredState,
      state: Status.State,
      ...(host === undefined ? {} : { host }),
      ...(Status.Err ? { error: Status.Err } : {}),
    };
  }

  #see(event: DrillEvent): void {
    this.#view = after(this.#view, event);
    this.#tell(event);
  }
}

const differ = (a: TaskState, b: TaskState): boolean =>
  a.host !== b.host || a.desired !== b.desired || a.state !== b.state || a.error !== b.error;
