import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { type Assignment, type CreateBody, type DaemonRequest, TunnelBroken } from '@shoal/proto';
import Docker from 'dockerode';
import type { DockerAttachment } from '../network/index.ts';
import {
  type Check,
  type Container,
  type ContainerDaemon,
  type ContainerLimits,
  type ListedContainer,
  limitsIn,
  type Question,
  Refused,
  stopTimeoutMs,
} from '../task/index.ts';
import { askAtPort, noAnswer } from './ask-at-port.ts';
import { createBody, endpointConfig } from './create-body.ts';
import { killMs, logMs, quickMs, slowMs, within } from './deadlines.ts';
import { refusal, statusCodeOf } from './errors.ts';
import { runIn } from './exec.ts';
import { Images } from './images.ts';
import { jsonLines } from './json-lines.ts';
import { clusterFilter, type Owner, originOf, ownerFilter, taskOf } from './labels.ts';
import { lastWords, linesTold } from './last-words.ts';
import { toContainer, toListed } from './observe.ts';
import { allowedPart, passOn } from './pass-on.ts';
import { killProcesses } from './processes.ts';

import { updateBody } from './update-body.ts';
import { type DaemonEvent, telling } from './watch.ts';

/**
 * Events of containers that people are told of: what becomes of one. Not what is done in it or with it, as each probe of a
 * health check is an exec.
 */
const watched = [...telling, 'create', 'kill', 'rename', 'restart', 'stop', 'update'];

export interface DaemonOptions {
  /** Path of the daemon's socket. */
  readonly socketPath: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** The Docker networks a task joins, once they are there. Rejects with Refused for a task that this host can't have. */
  readonly attach: (task: Assignment) => Promise<DockerAttachment[]>;
  /** Called after an image was pulled. */
  readonly onPulled: () => void;
}

/** This host's Docker daemon, as its owner's tasks see it. */
export class Daemon implements ContainerDaemon {
  readonly images: Images;
  readonly #docker: Docker;
  readonly #socketPath: string;
  /** For the calls that dockerode can't abort: gives up by itself when the daemon says nothing. */
  readonly #quick: Docker;
  readonly #attach: DaemonOptions['attach'];
  #owner: Owner = { nodeId: '', clusterId: '' };

  constructor({ socketPath, clock, onPulled, attach }: DaemonOptions) {
    this.#docker = new Docker({ socketPath });
    this.#socketPath = socketPath;
    this.#quick = new Docker({ socketPath, timeout: quickMs });
    this.images = new Images({ docker: this.#docker, quick: this.#quick, clock, onPulled });
    this.#attach = attach;
  }

  /** Whose containers to see and make; before that there are none. */
  set owner(owner: Owner) {
    this.#owner = owner;
  }

  async find(taskId: string, idOrName: string): Promise<Container | undefined> {
    try {
      const info = await this.#docker.getContainer(idOrName).inspect(within(quickMs));
      const origin = originOf(info.Config.Labels, this.#owner.clusterId);
      return origin?.taskId === taskId ? toContainer(info) : undefined;
    } catch (error) {
      if (statusCodeOf(error) === 404) return undefined;
      throw error;
    }
  }

  async list(): Promise<ListedContainer[]> {
    const found = await this.#docker.listContainers({
      all: true,
      filters: { label: clusterFilter(this.#owner.clusterId) },
      ...within(quickMs),
    });
    return found.flatMap((info) => toListed(info, this.#owner) ?? []);
  }

  async create(assignment: Assignment): Promise<Container> {
    const attachments = await this.#attach(assignment);
    const body = createBody(assignment, this.#owner, attachments);
    try {
      const { id } = await this.#docker.createContainer({
        // Understood by docker-modem; plain options would all end up in the URL too.
        ...({ _query: { name: assignment.containerName }, _body: body } as Docker.ContainerCreateOptions),
        ...within(slowMs),
      });
      // Before API 1.44 a container can be made on one network only.
      for (const attachment of attachments.slice(1)) await this.#connect(assignment, id, attachment);
      return created(id, body);
    } catch (error) {
      throw refusal(error);
    }
  }

  /** A container without all its networks is of no use: it goes, and is made anew. */
  async #connect(task: Assignment, id: string, attachment: DockerAttachment): Promise<void> {
    try {
      await this.#docker.getNetwork(attachment.network).connect({
        Container: id,
        EndpointConfig: endpointConfig(task, attachment),
        ...within(quickMs),
      } as Docker.NetworkConnectOptions);
    } catch (error) {
      await this.remove(id);
      throw error;
    }
  }

  async start(id: string): Promise<void> {
    try {
      await this.#docker.getContainer(id).start(within(slowMs));
    } catch (error) {
      if (statusCodeOf(error) !== 304) throw refusal(error);
    }
  }

  async stop(id: string, timeoutMs: number): Promise<void> {
    try {
      await this.#docker
        .getContainer(id)
        .stop({ t: Math.floor(timeoutMs / 1_000), ...within(timeoutMs + killMs) });
    } catch (error) {
      if (statusCodeOf(error) !== 304 && statusCodeOf(error) !== 404) throw error;
    }
  }

  async limit(id: string, wanted: ContainerLimits, present: ContainerLimits): Promise<void> {
    const isLess = wanted.memory > 0 && (present.memory === 0 || wanted.memory < present.memory);
    const used = isLess ? await this.#memoryOf(id) : 0;
    // With control groups v2 the kernel would kill its processes.
    if (isLess && used > wanted.memory) {
      const [use, limit] = [used, wanted.memory].map((bytes) => Math.ceil(bytes / 2 ** 20));
      throw new Refused('other', `it uses ${use} MiB of memory, the new limit is ${limit} MiB`);
    }
    try {
      await this.#quick.getContainer(id).update(updateBody(wanted, present));
    } catch (error) {
      throw refusal(error);
    }
  }

  /** Bytes that can't be given back, as `docker stats` counts them; 0 when it does not run. */
  async #memoryOf(id: string): Promise<number> {
    const query = { stream: false, 'one-shot': true } as const;
    const { memory_stats: memory } = await this.#quick.getContainer(id).stats(query);
    const { inactive_file, total_inactive_file } = memory?.stats ?? {};
    return Math.max(0, (memory?.usage ?? 0) - (total_inactive_file ?? inactive_file ?? 0));
  }

  async lastLines(id: string): Promise<string> {
    try {
      const query = { follow: false, stdout: true, stderr: true, tail: linesTold } as const;
      const log: unknown = await this.#quick.getContainer(id).logs({ ...query, ...within(logMs) });
      // What happens to be JSON was parsed on the way.
      return lastWords(Buffer.isBuffer(log) ? log : Buffer.from(JSON.stringify(log)));
    } catch {
      // Drivers that can't be read say so, and a daemon that is slow: how the task ended is known without.
      return '';
    }
  }

  kill(id: string): Promise<void> {
    return killProcesses(id);
  }

  async probe(id: string, check: Check, signal: AbortSignal): Promise<boolean> {
    try {
      return (await runIn(this.#docker.getContainer(id), check, signal)) === 0;
    } catch (error) {
      throw refusal(error);
    }
  }

  async ask(container: Container, question: Question, signal: AbortSignal): Promise<string> {
    const { port, command, timeoutMs } = question;
    if (port > 0) return askAtPort(container.address, question, signal);
    try {
      const code = await runIn(this.#docker.getContainer(container.id), { command, timeoutMs }, signal);
      return code === 0 ? '' : code === undefined ? noAnswer(timeoutMs) : `exit code ${code}`;
    } catch (error) {
      throw refusal(error);
    }
  }

  async remove(id: string): Promise<void> {
    try {
      await this.#docker.getContainer(id).remove({ v: true, ...within(slowMs) });
    } catch (error) {
      if (statusCodeOf(error) !== 404) throw error;
    }
  }

  pull(image: string, auth: string, signal: AbortSignal): Promise<string> {
    return this.images.pull(image, auth, signal);
  }

  /**
   * Ends, or fails, when the daemon goes away. The first item comes at once, without anything having happened; then what the
   * daemon still knows of the time since `sinceUs` (microseconds since the epoch), its last 256 events at most.
   */
  async *events(signal: AbortSignal, sinceUs: number): AsyncGenerator<DaemonEvent | 'connected'> {
    const stream = (await this.#docker.getEvents({
      // Its type knows whole seconds alone.
      since: secondsOf(sinceUs) as unknown as number,
      filters: { type: ['container'], label: ownerFilter(this.#owner), event: watched },
      abortSignal: signal,
    })) as Readable;
    yield 'connected';
    for await (const said of jsonLines(stream)) {
      const event = daemonEvent(said);
      const taskId = event && taskOf(event.attributes, this.#owner);
      if (event && taskId) yield { ...event, taskId };
    }
  }

  /**
   * Passes a request about a container of this owner on to the daemon as it is. Rejects with TunnelBroken: 403 for what
   * is not allowed, 404 when there is no such container, or it is not the owner's.
   */
  async passOn(request: DaemonRequest, body: Readable, signal: AbortSignal): Promise<IncomingMessage> {
    const { container, rest } = allowedPart(request);
    const id = await this.#own(container);
    if (!id) throw new TunnelBroken(404, `No such container: ${container}`);
    return passOn(this.#socketPath, { ...request, path: `/containers/${id}${rest}` }, body, signal);
  }

  async #own(idOrName: string): Promise<string | undefined> {
    try {
      const { Id, Config } = await this.#docker.getContainer(idOrName).inspect(within(quickMs));
      return taskOf(Config.Labels, this.#owner) === undefined ? undefined : Id;
    } catch (error) {
      if (statusCodeOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** `docker info`, its JSON. */
  info(): Promise<unknown> {
    return this.#quick.info();
  }
}

/** `1767225600.000001000`: seconds since the epoch with nanoseconds, as Docker reads them. */
const secondsOf = (us: number): string => `${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}000`;

function daemonEvent({
  Action,
  Actor,
  timeNano,
}: Record<string, unknown>): Omit<DaemonEvent, 'taskId'> | undefined {
  const { ID, Attributes = {} } = (Actor ?? {}) as { ID?: string; Attributes?: Record<string, string> };
  if (typeof Action !== 'string' || typeof ID !== 'string' || typeof timeNano !== 'number') return undefined;
  return { atUs: Math.floor(timeNano / 1_000), action: Action, containerId: ID, attributes: Attributes };
}

/** A container just made needs no look. */
const created = (id: string, body: CreateBody): Container => ({
  id,
  phase: 'created',
  startedAt: '',
  health: 'none',
  pid: 0,
  exitCode: 0,
  oomKilled: false,
  limits: limitsIn(body.HostConfig),
  error: '',
  stopTimeoutMs: stopTimeoutMs(body),
  address: '',
  ports: [],
});
