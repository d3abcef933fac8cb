import { type Clock, type Ids, isoTime } from '../effects.ts';
import { isWanted, type Service, type StopReason, slotKey, type Task, type Wait } from '../model/index.ts';
import type { NewObject } from '../store/index.ts';
import { type UpdateRules, updateRules } from './policy.ts';
import { byAge, isUnassigned, makesRoom, type Nodes, presenceOf } from './presence.ts';

/** Another service, with all its tasks. */
export interface NamedService {
  readonly service: Service;
  readonly tasks: readonly Task[];
}

/** All that a decision about one service may depend on. */
export interface Snapshot {
  readonly service: Service;
  /** Every task of the service, in any order. */
  readonly tasks: readonly Task[];
  readonly nodes: Nodes;
  /** Tasks of the service of that name which others may share a network with; none when there is no such service. */
  readonly companions?: (name: string) => readonly Task[];
  /** The service of that name which others depend on; none when there is no such service. */
  readonly serviceNamed?: (name: string) => NamedService | undefined;
  /** Whether a task of any service may still be running where it can be heard. */
  readonly mayRun?: (taskId: string) => boolean;
  /** Tasks of all services on a node. */
  readonly load: (nodeId: string) => number;
  /** Tasks of all services on a node, ended ones included; none when it is not known. */
  readonly tasksOn?: (nodeId: string) => readonly Task[];
  /** Whether tasks of any service are leaving nodes, so that there may be room soon; none when it is not known. */
  readonly roomSoon?: () => boolean;
  /** Ended tasks kept per slot; negative: all of them. */
  readonly historyLimit: number;
  /** Milliseconds since the epoch. */
  readonly now: ReturnType<Clock>;
  readonly ids: Ids;
}

/** What to write, and what waits. Empty when the service is where it should be. */
export interface Decision {
  readonly create: readonly NewObject<Task>[];
  readonly update: readonly Task[];
  /** Ids of tasks. */
  readonly remove: readonly string[];
  /** The service with its new spec or UpdateStatus; absent when that stays. */
  readonly service?: Service;
  readonly removeService: boolean;
  /** What is not as it should be, though nothing is to be written about it now, and why. */
  readonly waits: readonly Wait[];
}

/** The tasks in one slot, newest first; those that are being removed are not among them. */
export interface SlotTasks {
  readonly tasks: readonly Task[];
  readonly live: readonly Task[];
  /** Ended or orphaned. */
  readonly past: readonly Task[];
}

/** A decision in the making: each step sees what the steps before it have decided. */
export class Draft {
  readonly snapshot: Snapshot;
  service: Service;
  readonly #tasks = new Map<string, Task>();
  readonly #bySlot = new Map<string, Map<string, Task>>();
  readonly #known = new Map<string, SlotTasks>();
  #rules: { readonly of: Service; readonly rules: UpdateRules } | undefined;
  #roomSoon: boolean | undefined;
  readonly #original = new Map<string, Task>();

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
    this.service = snapshot.service;
    for (const task of snapshot.tasks) {
      this.#original.set(task.ID, task);
      this.put(task);
    }
  }

  /** All tasks as decided so far. */
  get tasks(): readonly Task[] {
    return [...this.#tasks.values()];
  }

  /** Whether tasks leave nodes, so that there may be room soon. */
  get roomSoon(): boolean {
    const { nodes, now, roomSoon } = this.snapshot;
    this.#roomSoon ??= this.tasks.some((task) => makesRoom(task, nodes, now)) || (roomSoon?.() ?? false);
    return this.#roomSoon;
  }

  /** The rules of the service's update or rollback. */
  get rules(): UpdateRules {
    if (this.#rules?.of !== this.service)
      this.#rules = { of: this.service, rules: updateRules(this.service) };
    return this.#rules.rules;
  }

  /** Slots that have a task which is not being removed. */
  get keys(): string[] {
    return [...this.#bySlot.keys()].filter((key) => this.tasksIn(key).tasks.length > 0);
  }

  tasksIn(key: string): SlotTasks {
    const known = this.#known.get(key);
    if (known) return known;
    const found = this.#read(key);
    this.#known.set(key, found);
    return found;
  }

  /** The tasks in the slot, in no particular order; also those that are being removed. */
  all(key: string): Task[] {
    return [...(this.#bySlot.get(key)?.values() ?? [])];
  }

  create(task: NewObject<Task>): Task {
    const at = isoTime(this.snapshot.now);
    const created = { ...task, Version: { Index: 0 }, CreatedAt: at, UpdatedAt: at };
    this.put(created);
    return created;
  }

  put(task: Task): void {
    const key = slotKey(task);
    this.#tasks.set(task.ID, task);
    this.#known.delete(key);
    const tasks = this.#bySlot.get(key);
    if (tasks) tasks.set(task.ID, task);
    else this.#bySlot.set(key, new Map([[task.ID, task]]));
  }

  remove(task: Task): void {
    this.#tasks.delete(task.ID);
    const key = slotKey(task);
    this.#bySlot.get(key)?.delete(task.ID);
    this.#known.delete(key);
  }

  /** The task shall end and become history; one that no agent knows of leaves no trace. */
  stop(task: Task, stopReason: StopReason): void {
    if (isUnassigned(task)) this.remove(task);
    else if (isWanted(task)) {
      this.put({ ...task, DesiredState: 'shutdown', shoal: { ...task.shoal, stopReason } });
    }
  }

  /** The task shall end and vanish. */
  discard(task: Task): void {
    const presence = presenceOf(task, this.snapshot.nodes);
    if (isUnassigned(task) || presence === 'ended' || presence === 'orphaned') this.remove(task);
    else if (task.DesiredState !== 'remove') this.put({ ...task, DesiredState: 'remove' });
  }

  decision(waits: readonly Wait[], removeService = false): Decision {
    const create: NewObject<Task>[] = [];
    const update: Task[] = [];
    for (const task of this.#tasks.values()) {
      const original = this.#original.get(task.ID);
      if (!original) {
        const { Version: _v, CreatedAt: _c, UpdatedAt: _u, ...fresh } = task;
        create.push(fresh);
      } else if (original !== task) update.push(task);
    }
    return {
      create,
      update,
      remove: [...this.#original.keys()].filter((id) => !this.#tasks.has(id)),
      ...(this.service !== this.snapshot.service && { service: this.service }),
      removeService,
      waits,
    };
  }

  #read(key: string): SlotTasks {
    const tasks = this.all(key)
      .filter(({ DesiredState }) => DesiredState !== 'remove')
      .sort(byAge);
    const live: Task[] = [];
    const past: Task[] = [];
    for (const task of tasks) {
      const presence = presenceOf(task, this.snapshot.nodes);
      if (presence === 'live') live.push(task);
      else if (presence !== 'leaving') past.push(task);
    }
    return { tasks, live, past };
  }
}
