import {
  Assignment,
  type CreateBody,
  type DeepPartial,
  decodeObserved,
  encodeDesired,
  type TaskStatus,
} from '@shoal/proto';
import type { DesiredState } from '@shoal/proto/rules';
import { pino } from 'pino';
import type { Check, Container, ContainerLimits, ListedContainer } from './container.ts';
import { type ContainerDaemon, Refused, type TaskFiles } from './daemon.ts';
import { Limiter } from './limiter.ts';
import { limitsOf, noLimits } from './limits.ts';
import { Tasks } from './tasks.ts';

/** Builders and a daemon made of a map, for tests. */

export function anAssignment(
  taskId = 't1',
  desired: DesiredState = 'running',
  more: DeepPartial<Assignment> = {},
  body: Partial<CreateBody> = {},
): Assignment {
  return Assignment.fromPartial({
    taskId,
    serviceId: 's1',
    serviceName: 'web',
    taskName: 'web.1',
    containerName: `web.1.${taskId}`,
    desiredState: encodeDesired(desired),
    createBody: JSON.stringify({ Image: 'nginx:1', ...body }),
    ...more,
  });
}

export const aCheck = (more: Partial<Check> = {}): Check => ({
  command: ['check'],
  timeoutMs: 30_000,
  intervalMs: 30_000,
  startIntervalMs: 0,
  daemonStarts: false,
  ...more,
});

export const aContainer = (more: Partial<Container> = {}): Container => ({
  id: 'c1',
  phase: 'running',
  startedAt: 'first',
  health: 'none',
  pid: 7,
  exitCode: 0,
  oomKilled: false,
  limits: noLimits,
  error: '',
  stopTimeoutMs: 10_000,
  address: '10.0.0.2',
  ports: [],
  ...more,
});

/** Does what Docker does to containers, in no time, and writes down what was asked of it. */
export class SimulatedDaemon implements ContainerDaemon {
  readonly containers = new Map<string, Container & Pick<ListedContainer, 'taskId' | 'name' | 'otherNode'>>();
  readonly calls: string[] = [];
  /** Reason why no image can be pulled; empty when it can. */
  pullFailure = '';
  /** What containers wrote last. */
  lines = '';
  /** What is wrong with the answers of containers. */
  wrong = '';
  /** What health checks say that the agent runs. */
  passes = true;
  /** Thrown by a call, once for each entry: the method's name leads to the error. */
  readonly failures = new Map<string, Error>();
  /** Started at the time of the call, to make it last. */
  hold: Promise<void> = Promise.resolve();
  running = 0;
  mostRunning = 0;

  async find(taskId: string, idOrName: string): Promise<Container | undefined> {
    await this.#call('find', idOrName);
    const found = [...this.containers.values()].find(({ id, name }) => id === idOrName || name === idOrName);
    return found?.taskId === taskId ? found : undefined;
  }

  async pull(image: string, _auth: string, signal: AbortSignal): Promise<string> {
    await this.#call('pull', image);
    signal.throwIfAborted();
    return this.pullFailure;
  }

  async create(assignment: Assignment): Promise<Container> {
    const { taskId, containerName } = assignment;
    await this.#call('create', containerName);
    if ([...this.containers.values()].some(({ name }) => name === containerName))
      throw new Refused('conflict', `Conflict. The container name "/${containerName}" is already in use`);
    const made = {
      ...aContainer({ id: `c-${taskId}`, phase: 'created', pid: 0, limits: limitsOf(assignment) }),
      taskId,
      name: containerName,
    };
    this.containers.set(made.id, made);
    return made;
  }

  async start(id: string): Promise<void> {
    await this.#call('start', id);
    this.change(id, { phase: 'running', pid: 7 });
  }

  async probe(id: string, _check: Check, _signal: AbortSignal): Promise<boolean> {
    await this.#call('probe', id);
    return this.passes;
  }

  async ask({ id }: Container): Promise<string> {
    await this.#call('ask', id);
    return this.wrong;
  }

  async stop(id: string): Promise<void> {
    await this.#call('stop', id);
    this.change(id, { phase: 'exited', pid: 0, exitCode: 137 });
  }

  async limit(id: string, limits: ContainerLimits): Promise<void> {
    await this.#call('limit', id);
    this.change(id, { limits });
  }

  async lastLines(): Promise<string> {
    return this.lines;
  }

  async kill(id: string): Promise<void> {
    this.calls.push(`kill ${id}`);
    this.change(id, { phase: 'exited', pid: 0, exitCode: 137 });
  }

  async remove(id: string): Promise<void> {
    await this.#call('remove', id);
    this.containers.delete(id);
  }

  change(id: string, change: Partial<Container>): void {
    const container = this.containers.get(id);
    if (container) this.containers.set(id, { ...container, ...change });
  }

  list(): ListedContainer[] {
    return [...this.containers.values()];
  }

  async #call(method: string, subject: string): Promise<void> {
    this.calls.push(`${method} ${subject}`);
    // Looking at a container costs the daemon next to nothing, and is not held back.
    const weight = method === 'find' ? 0 : 1;
    this.running += weight;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    await this.hold;
    this.running -= weight;
    const failure = this.failures.get(method);
    this.failures.delete(method);
    if (failure) throw failure;
  }
}

/** Of tasks that have neither secrets nor configs. */
export const noFiles: TaskFiles = {
  has: () => true,
  put: async () => undefined,
  drop: () => undefined,
  keepOnly: () => undefined,
};

/** A host over a simulated daemon. `said`: what its tasks said, a line each. */
export function aHost({
  slots = 2,
  isRemoved = () => false,
  files = noFiles,
}: {
  slots?: number;
  files?: TaskFiles;
  isRemoved?: (nodeId: string) => boolean;
} = {}) {
  const daemon = new SimulatedDaemon();
  const said: string[] = [];
  const time = { now: 1_000 };
  const say = ({ taskId, state, err }: TaskStatus) =>
    said.push(`${taskId} ${decodeObserved(state)}${err && ` (${err})`}`);
  const tasks = new Tasks({
    daemon,
    files,
    network: {
      withdrawn: async ({ taskId }, ms) => void said.push(`withdraw ${taskId} within ${ms}`),
      drain: async (attachments, ms) => void said.push(`drain ${attachments.length} for ${ms}`),
    },
    limits: {
      starts: new Limiter(slots),
      probes: new Limiter(4),
      questions: new Limiter(4),
      stops: new Limiter(64),
    },
    clock: () => time.now,
    onStatus: say,
    onForget: (taskId) => said.push(`${taskId} forgotten`),
    isRemoved,
    log: pino({ level: 'silent' }),
  });
  const assign = (...all: ReturnType<typeof anAssignment>[]) =>
    tasks.assign(new Map(all.map((each) => [each.taskId, each])), { complete: true });
  return { daemon, said, tasks, assign, time };
}
