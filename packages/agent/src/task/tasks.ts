import { type Assignment, decodeDesired, type TaskStatus } from '@shoal/proto';
import { compareStates, isTerminal } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import type { ListedContainer } from './container.ts';
import type { ContainerDaemon, TaskFiles } from './daemon.ts';
import { type Connections, executor, type StepLimits } from './execute.ts';
import { Lease } from './lease.ts';
import { endedWithHost } from './own-restarts.ts';
import { fromTaskStatus, isUnfit, type Status, toTaskStatus } from './status.ts';
import type { Wanted } from './step.ts';
import { TaskWorker } from './worker.ts';

export interface TasksOptions {
  readonly daemon: ContainerDaemon;
  readonly files: TaskFiles;
  readonly network: Connections;
  readonly limits: StepLimits;
  /** Milliseconds since the epoch, of a clock that never jumps, and does not stand still while the host sleeps. */
  readonly clock: () => number;
  readonly onStatus: (status: TaskStatus) => void;
  readonly onForget: (taskId: string) => void;
  /** Whether the manager, as it said last, knows no such node any more. */
  readonly isRemoved: (nodeId: string) => boolean;
  readonly log: Logger;
}

/** What was said before this process was started. */
export interface Earlier {
  readonly statuses: ReadonlyMap<string, TaskStatus>;
  /** The host was booted since. */
  readonly rebooted: boolean;
}

/** All tasks of this host, and the containers left over from tasks it has no more. */
export class Tasks {
  readonly #options: TasksOptions;
  readonly #execute: ReturnType<typeof executor>;
  readonly #workers = new Map<string, TaskWorker>();
  readonly #statuses = new Map<string, TaskStatus>();
  /** Containers of the cluster without a task here, from the newest list. */
  #strays: readonly ListedContainer[] = [];
  /** The daemon has listed its containers at least once. */
  #listed = false;
  /** The set comes from the manager, not from the journal: what is not in it is to be removed. */
  #complete = false;
  /** The set is of the present session, so nothing in it is outdated. */
  #isCurrent = false;
  /** Since when there is no contact with the manager; Infinity while it was not even tried. */
  #aloneSince: number | undefined = Number.POSITIVE_INFINITY;
  readonly #lease: Lease;

  constructor(options: TasksOptions) {
    this.#options = options;
    this.#execute = executor(options.daemon, options.network, options.limits);
    this.#lease = new Lease({
      clock: options.clock,
      onEnd: () => {
        for (const worker of this.#workers.values()) worker.cutOff();
      },
      onBegin: () => this.#wake(),
    });
  }

  statuses(): TaskStatus[] {
    return [...this.#statuses.values()];
  }

  /** There is contact with the manager from now on, or none any more. */
  contact(there: boolean): void {
    this.#aloneSince = there ? undefined : this.#options.clock();
    this.#isCurrent = false;
    this.#wake();
  }

  /** Isolated tasks may run until then, by the clock. */
  renewLease(until: number): void {
    this.#lease.renew(until);
  }

  /** There are tasks that must not run without a lease. */
  get needLease(): boolean {
    return this.#workers.values().some(({ isolated }) => isolated);
  }

  #wake(): void {
    for (const worker of this.#workers.values()) worker.wake();
  }

  /** The manager has accepted the newest statuses of these tasks. */
  accepted(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#workers.get(taskId)?.accepted();
  }

  /** Ids of the tasks that may get no traffic. */
  unfit(): Set<string> {
    const unfit = this.statuses().filter((status) => isUnfit(fromTaskStatus(status)));
    return new Set(unfit.map(({ taskId }) => taskId));
  }

  /**
   * What this host has to run. `complete`: the set is all that the manager wants, so that containers of other tasks
   * may go.
   */
  assign(
    set: ReadonlyMap<string, Assignment>,
    { complete, earlier }: { complete: boolean; earlier?: Earlier },
  ): void {
    this.#complete ||= complete;
    this.#isCurrent ||= complete;
    for (const [taskId, assignment] of set) {
      const worker = this.#workers.get(taskId) ?? this.#accept(taskId, earlier);
      worker.want(wantedBy(assignment), assignment);
      if (this.#listed) worker.open();
    }
    for (const [taskId, worker] of this.#workers) {
      if (!set.has(taskId)) worker.want('gone');
      else if (worker.isolated || worker.hasFiles) worker.wake();
    }
    if (this.#complete) this.#options.files.keepOnly((taskId) => this.#mayNeedFiles(taskId));
    this.#clearStrays();
  }

  #mayNeedFiles(taskId: string): boolean {
    const worker = this.#workers.get(taskId);
    return worker !== undefined && !isTerminal(worker.status.state);
  }

  /** The full list of the cluster's containers on this host, after each (re)connection to the daemon and now and then. */
  list(found: readonly ListedContainer[]): void {
    const byTask = new Map(found.map((each) => [each.taskId, each]));
    this.#strays = [...byTask.values()].filter(({ taskId }) => !this.#workers.has(taskId));
    if (!this.#listed) this.#warnOfOthers();
    this.#listed = true;
    for (const [taskId, worker] of this.#workers) {
      worker.compare(byTask.get(taskId));
      worker.open();
    }
    this.#clearStrays();
  }

  hint(taskId: string, event: string): void {
    this.#workers.get(taskId)?.hint(event);
  }

  /** The processes of a task have ended, and there is no daemon that would say so. */
  died(taskId: string): void {
    this.#workers.get(taskId)?.died();
  }

  /** The daemon is away, and does not keep containers alive without it. */
  unwatched(): void {
    for (const worker of this.#workers.values()) worker.unwatched();
  }

  /** Containers keep running; steps under way are left to the daemon. */
  close(): void {
    this.#lease.close();
    for (const worker of this.#workers.values()) worker.close();
  }

  #clearStrays(): void {
    if (!this.#complete) return;
    const kept: ListedContainer[] = [];
    for (const stray of this.#strays) {
      if (this.#workers.has(stray.taskId)) continue;
      if (!this.#mayRemove(stray)) {
        kept.push(stray);
        continue;
      }
      this.#options.log.warn({ taskId: stray.taskId, container: stray.name }, 'removing leftover container');
      const worker = this.#add(stray.taskId);
      worker.compare(stray);
      worker.open();
    }
    this.#strays = kept;
  }

  /** What another node's manager may still count on is not touched, and of that only the present session tells. */
  #mayRemove({ otherNode }: ListedContainer): boolean {
    return otherNode === undefined || (this.#isCurrent && this.#options.isRemoved(otherNode));
  }

  /** A lost state directory makes a host a new node; what it ran before goes with the node that it was. */
  #warnOfOthers(): void {
    const others = this.#strays.filter(({ otherNode }) => otherNode !== undefined);
    if (others.length === 0) return;
    this.#options.log.warn(
      { nodes: [...new Set(others.map(({ otherNode }) => otherNode))], containers: others.length },
      'containers of other nodes of this cluster on this daemon: they are removed once these nodes are (docker node rm)',
    );
  }

  #accept(taskId: string, earlier: Earlier | undefined): TaskWorker {
    const said = earlier?.statuses.get(taskId);
    if (said) {
      this.#statuses.set(taskId, said);
      const status = fromTaskStatus(said);
      return this.#add(taskId, earlier?.rebooted ? afterBoot(status, this.#options.clock()) : status);
    }
    const worker = this.#add(taskId);
    this.#report(taskId, worker.status);
    return worker;
  }

  #report(taskId: string, status: Status): void {
    const reported = toTaskStatus(taskId, status, Math.round(this.#options.clock()));
    this.#statuses.set(taskId, reported);
    if (isTerminal(status.state)) this.#options.files.drop(taskId);
    this.#options.onStatus(reported);
  }

  #add(taskId: string, status?: Status): TaskWorker {
    const { daemon, files, log, onForget, clock } = this.#options;
    const worker = new TaskWorker(
      {
        execute: this.#execute,
        files,
        find: (idOrName) => daemon.find(taskId, idOrName),
        onStatus: (next) => this.#report(taskId, next),
        onForget: () => {
          this.#workers.delete(taskId);
          this.#statuses.delete(taskId);
          files.drop(taskId);
          onForget(taskId);
        },
        clock,
        aloneSince: () => this.#aloneSince,
        isCurrent: () => this.#isCurrent,
        leaseUntil: () => this.#lease.until,
        log: log.child({ taskId }),
      },
      status,
    );
    this.#workers.set(taskId, worker);
    return worker;
  }
}

/** What had been started ended with its host, whatever its container says now. */
const afterBoot = (status: Status, now: number): Status =>
  isTerminal(status.state) || compareStates(status.state, 'starting') < 0
    ? status
    : { ...status, own: endedWithHost(status.own, now) };

function wantedBy({ desiredState }: Assignment): Wanted {
  // A state that a newer manager invented: keep things as they are, start nothing.
  return decodeDesired(desiredState) ?? 'ready';
}
