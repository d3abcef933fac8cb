import {
  type Changes,
  NodeFacts,
  probeHost,
  protocolVersion,
  TaskState,
  type TaskStatus,
} from '@shoal/proto';
import { pino } from 'pino';
import { Assignments } from './assignments/index.ts';
import { Identity } from './identity/index.ts';
import { makeKeyAndRequest } from './identity/testing.ts';
import { ManagerLink } from './session/index.ts';
import { Limiter, Tasks } from './task/index.ts';
import { noFiles, SimulatedDaemon } from './task/testing.ts';

/** Of each hollow host; more than any task of a bench asks for. */
const hostCpus = 64;
const hostBytes = 256 * 2 ** 30;

export interface HollowOptions {
  readonly hostname: string;
  /** HOST:PORT. */
  readonly manager: string;
  readonly joinToken: string;
  /** Where the host can be reached; loopback, by default, without a probe port. */
  readonly address?: string;
  readonly probePort?: number;
  readonly onChanges?: (message: Changes) => void;
  /** A task began to run here; it is told the manager next. */
  readonly onRunning?: () => void;
}

/**
 * An agent without a host, for benches of the manager: its session and its tasks are the real ones, its Docker daemon
 * is a map, and it has no networks.
 */
export class HollowAgent {
  readonly daemon = new SimulatedDaemon();
  /** When the session brought its complete set of tasks (`performance.now()`). */
  confirmedAt: number | undefined;
  /** Ids of the tasks that run, and of which the manager has taken note. */
  readonly running = new Set<string>();
  /** What each task was last said to be. */
  readonly #states = new Map<string, TaskState>();
  readonly #link: ManagerLink;
  readonly #tasks: Tasks;
  readonly #assignments: Assignments;
  readonly #identity: Identity;

  constructor(options: HollowOptions) {
    const { hostname, manager, joinToken, address = '127.0.0.1', probePort = 0 } = options;
    this.#assignments = new TaskAssignments(options.onChanges);
    const log = pino({ level: 'silent' });
    const clock = () => performance.timeOrigin + performance.now();
    const facts = NodeFacts.fromPartial({
      hostname,
      address,
      probePort,
      os: 'linux',
      architecture: 'x86_64',
      nanoCpus: hostCpus * 1e9,
      memoryBytes: hostBytes,
    });
    this.#tasks = new Tasks({
      daemon: this.daemon,
      files: noFiles,
      network: { withdrawn: async () => undefined, drain: async () => undefined },
      limits: {
        starts: new Limiter(4),
        probes: new Limiter(4),
        questions: new Limiter(4),
        stops: new Limiter(64),
      },
      clock,
      onStatus: (status) => {
        this.#note(status);
        if (status.state === TaskState.TASK_STATE_RUNNING) options.onRunning?.();
        this.#link.report(status);
      },
      onForget: (taskId) => {
        this.#states.delete(taskId);
        this.running.delete(taskId);
        this.#link.drop(taskId);
      },
      isRemoved: () => false,
      log,
    });
    this.#identity = new Identity({
      kept: undefined,
      keep: async () => undefined,
      manager: () => manager,
      joinToken: async () => joinToken,
      facts: () => facts,
      makeKey: makeKeyAndRequest,
      onRenewed: () => this.#link.renew(),
      random: Math.random,
      log,
    });
    this.#link = new ManagerLink({
      manager: () => manager,
      credentials: () => this.#identity.credentials(),
      hello: () => ({ protocol: protocolVersion, facts }),
      statuses: () => this.#tasks.statuses(),
      clock,
      onLease: (until) => this.#tasks.renewLease(until),
      onAlone: () => {
        this.confirmedAt = undefined;
        this.#tasks.contact(false);
      },
      onAccepted: (taskIds) => {
        for (const id of taskIds)
          if (this.#states.get(id) === TaskState.TASK_STATE_RUNNING) this.running.add(id);
        this.#tasks.accepted(taskIds);
      },
      onTrust: (trust) => this.#identity.trust(trust),
      onWelcome: async () => this.#tasks.contact(true),
      assignments: this.#assignments,
      onAssignments: async () => {
        this.#tasks.assign(this.#assignments.objects.task, { complete: true });
        this.confirmedAt ??= performance.now();
      },
      answer: async ({ id, what }) => {
        if (what?.$case === 'hostProbe') {
          const answer = await probeHost(what.value.address, what.value.port);
          return { id, outcome: { $case: 'json', value: JSON.stringify({ answer }) } };
        }
        return {
          id,
          outcome: { $case: 'error', value: { status: 501, message: 'this host is hollow' } },
        };
      },
      random: Math.random,
      log,
    });
    this.#tasks.list([]);
    this.#link.open();
  }

  #note({ taskId, state }: TaskStatus): void {
    this.#states.set(taskId, state);
    if (state !== TaskState.TASK_STATE_RUNNING) this.running.delete(taskId);
  }

  async close(): Promise<void> {
    this.#tasks.close();
    this.#identity.close();
    await this.#link.close();
  }
}

/** Without what only networks need: a process has thousands of these. */
class TaskAssignments extends Assignments {
  readonly #onChanges: ((message: Changes) => void) | undefined;

  constructor(onChanges: ((message: Changes) => void) | undefined) {
    super(['task']);
    this.#onChanges = onChanges;
  }

  override apply(message: Changes): boolean {
    this.#onChanges?.(message);
    return super.apply(message);
  }
}
