import { NodeFacts, protocolVersion } from '@shoal/proto';
import { leaseMs } from '@shoal/proto/rules';
import { pino } from 'pino';
import { Assignments } from './assignments/assignments.ts';
import { ManagerLink } from './session/link.ts';
import { Limiter } from './task/limiter.ts';
import { Tasks } from './task/tasks.ts';
import { SimulatedDaemon } from './task/testing.ts';

/** Of each hollow host; more than any task of a bench asks for. */
const hostCpus = 64;
const hostBytes = 256 * 2 ** 30;

export interface HollowOptions {
  readonly hostname: string;
  /** HOST:PORT. */
  readonly manager: string;
  readonly joinToken: string;
}

/**
 * An agent without a host, for benches of the manager: its session and its tasks are the real ones, its Docker daemon
 * is a map, and it has no networks.
 */
export class HollowAgent {
  readonly daemon = new SimulatedDaemon();
  /** When the newest session brought its complete set of tasks (`performance.now()`). */
  confirmedAt: number | undefined;
  readonly #link: ManagerLink;
  readonly #tasks: Tasks;
  /** Without what only networks need: a process has thousands of these. */
  readonly #assignments = new Assignments(['task']);
  #nodeId = '';

  constructor({ hostname, manager, joinToken }: HollowOptions) {
    const log = pino({ level: 'silent' });
    const clock = () => performance.timeOrigin + performance.now();
    const facts = NodeFacts.fromPartial({
      hostname,
      address: '127.0.0.1',
      os: 'linux',
      architecture: 'x86_64',
      nanoCpus: hostCpus * 1e9,
      memoryBytes: hostBytes,
    });
    this.#tasks = new Tasks({
      engine: this.daemon,
      network: { withdrawn: async () => undefined, drain: async () => undefined },
      limits: { starts: new Limiter(4), probes: new Limiter(4), stops: new Limiter(64) },
      clock,
      onStatus: (status) => this.#link.report(status),
      onForget: (taskId) => this.#link.drop(taskId),
      log,
    });
    this.#link = new ManagerLink({
      manager: () => manager,
      hello: () => ({ protocol: protocolVersion, joinToken, nodeId: this.#nodeId, facts }),
      statuses: () => this.#tasks.statuses(),
      clock,
      onContact: (sentAt) => this.#tasks.renewLease(sentAt + leaseMs),
      onAlone: () => this.#tasks.contact(false),
      onAccepted: (taskIds) => this.#tasks.accepted(taskIds),
      onWelcome: async ({ nodeId }) => {
        this.#nodeId = nodeId;
        this.confirmedAt = undefined;
        this.#tasks.contact(true);
      },
      assignments: this.#assignments,
      onAssignments: async () => {
        this.#tasks.assign(this.#assignments.objects.task, { complete: true });
        this.confirmedAt ??= performance.now();
      },
      answer: async ({ id }) => ({
        id,
        outcome: { $case: 'error', value: { status: 501, message: 'this host is hollow' } },
      }),
      random: Math.random,
      log,
    });
    this.#tasks.list([]);
    this.#link.open();
  }

  async close(): Promise<void> {
    this.#tasks.close();
    await this.#link.close();
  }
}
