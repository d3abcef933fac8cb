import { once, setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareStates, isTerminal } from '@shoal/proto/rules';
import { hostnameOf, stateOf, type Task } from '../../model/index.ts';
import type { ApiDeps } from '../http/index.ts';
import { after, containerLogs, Refused, type Wanted } from './container-logs.ts';
import { Details, type Line, render, type Shown, stampOf } from './lines.ts';
import { Merge } from './merge.ts';

/** How long the lines of others wait for a task's. */
const patienceMs = 5_000;
/** The same while following: when its host was just asked, and between its lines, where silence is nothing special. */
const firstWhenFollowingMs = 2_000;
const nextWhenFollowingMs = 300;
/** Followed again after this time, when a host did not answer. */
const againMs = 2_000;
/** Tasks of one answer. Each takes a tunnel, and some memory. */
const mostTasks = 1_000;
const chunkBytes = 64 * 1024;

export interface LogsAsked {
  readonly wanted: Wanted;
  readonly shown: Shown;
  /** Those there are now. */
  readonly tasks: readonly Task[];
  /** Whether one that comes later belongs to it. */
  readonly includes: (task: Task) => boolean;
  /** Nothing can come any more, but from what is open still. */
  readonly isGone: () => boolean;
}

/** Its container has been started, so there may be logs of it. */
const hasLogs = (task: Task): boolean =>
  Boolean(task.NodeID && task.observed?.container?.ContainerID) &&
  compareStates(stateOf(task), 'starting') >= 0;

/** Live ones first, the newest first: of too many these are shown. */
const byInterest = (a: Task, b: Task): number =>
  Number(isTerminal(stateOf(a))) - Number(isTerminal(stateOf(b))) || b.CreatedAt.localeCompare(a.CreatedAt);

/** A line as it is sent. */
interface Piece {
  readonly at: number;
  readonly bytes: Buffer;
}

/** One answer: the logs of many tasks as one stream. */
export class LogReader {
  readonly #deps: Pick<ApiDeps, 'store' | 'clock' | 'queries'>;
  readonly #asked: LogsAsked;
  readonly #out: ServerResponse;
  readonly #stop = new AbortController();
  readonly #merge: Merge<Piece>;
  readonly #known = new Set<string>();
  /** What was said of hosts that do not answer, by node. */
  readonly #told = new Map<string, Set<string>>();
  #isFull = false;
  #notices = 0;
  #wake: () => void = () => undefined;

  constructor(deps: Pick<ApiDeps, 'store' | 'clock' | 'queries'>, asked: LogsAsked, out: ServerResponse) {
    this.#deps = deps;
    this.#asked = asked;
    this.#out = out;
    // Each task's tunnel listens, which is no leak.
    setMaxListeners(2 * mostTasks, this.#stop.signal);
    this.#merge = new Merge(asked.wanted.follow ? nextWhenFollowingMs : patienceMs);
  }

  /** Resolves when all has been written, or the client is gone. */
  async run(): Promise<void> {
    const { wanted, tasks, includes } = this.#asked;
    const unwatch = this.#deps.store.watch(({ changes }) => {
      if (!wanted.follow) return;
      for (const { table, before, after: task } of changes) {
        if (table !== 'tasks') continue;
        if (!task) this.#known.delete(before?.ID ?? '');
        else if (includes(task)) this.#add(task, { ...wanted, tail: 'all' }, nextWhenFollowingMs);
      }
      this.#wake();
    });
    this.#out.once('close', () => {
      this.#stop.abort();
      this.#wake();
    });
    const until = wanted.follow && wanted.until ? this.#endAt(Number(wanted.until) * 1_000) : undefined;
    try {
      for (const task of tasks.toSorted(byInterest))
        this.#add(task, wanted, wanted.follow ? firstWhenFollowingMs : patienceMs);
      await this.#write();
    } finally {
      unwatch();
      clearTimeout(until);
      this.#stop.abort();
      this.#out.end();
    }
  }

  /** A daemon that follows notices only with its next line that the time has come. */
  #endAt(time: number): NodeJS.Timeout {
    const inMs = time - this.#deps.clock() + nextWhenFollowingMs;
    return setTimeout(() => this.#out.end(), Math.min(Math.max(inMs, 0), 2 ** 31 - 1));
  }

  #add(task: Task, wanted: Wanted, firstMs: number): void {
    if (this.#known.has(task.ID) || !hasLogs(task)) return;
    if (this.#merge.sources >= mostTasks) {
      if (!this.#isFull)
        this.#say(task, `more than ${mostTasks} tasks: ask for the logs of the others one by one`);
      this.#isFull = true;
      return;
    }
    this.#known.add(task.ID);
    this.#merge.open(task.ID, performance.now() + firstMs);
    this.#read(task, wanted).finally(() => {
      this.#merge.close(task.ID);
      this.#wake();
    });
  }

  /** All that one task says. Goes on where it was when its host answers again. */
  async #read(first: Task, wanted: Wanted): Promise<void> {
    const { signal } = this.#stop;
    let from = wanted;
    for (let task: Task | undefined = first; task; task = this.#deps.store.view.tasks.get(task.ID)) {
      try {
        for await (const lines of this.#linesOf(task, from)) {
          this.#told.delete(task.NodeID ?? '');
          const last = lines.at(-1);
          if (last) from = after(wanted, last.stamp);
          await this.#put(task, lines);
        }
        // A container that is not quite up yet ends at once.
        if (!wanted.follow || isTerminal(stateOf(task))) return;
      } catch (error) {
        if (signal.aborted) return;
        this.#missing(task, error instanceof Error ? error.message : String(error));
        if (!wanted.follow || error instanceof Refused) return;
      }
      await sleep(againMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  #linesOf({ NodeID, observed, Spec }: Task, wanted: Wanted): AsyncGenerator<Line[]> {
    const { queries, clock } = this.#deps;
    const deps = { tunnel: queries.tunnel, clock, signal: this.#stop.signal };
    const container = {
      nodeId: NodeID ?? '',
      containerId: observed?.container?.ContainerID ?? '',
      tty: Spec.ContainerSpec?.TTY === true,
    };
    return containerLogs(deps, container, wanted);
  }

  /** Resolves when they are written, so that no more is read before; never when the client is gone. */
  #put(task: Task, lines: readonly Line[]): Promise<void> {
    const own = detailsOf(task);
    const pieces = lines.map((line) => ({ at: line.at, bytes: render(line, this.#asked.shown, own) }));
    return new Promise((resolve) => {
      this.#merge.put(task.ID, pieces, resolve);
      this.#wake();
    });
  }

  /** Names the host, once until it answers. */
  #missing(task: Task, why: string): void {
    const nodeId = task.NodeID ?? '';
    const told = this.#told.get(nodeId) ?? new Set();
    if (told.has(why)) return;
    this.#told.set(nodeId, told.add(why));
    const node = this.#deps.store.view.nodes.get(nodeId);
    this.#say(task, `logs of host ${node ? hostnameOf(node) : nodeId} are missing: ${why}`);
  }

  /** On stderr, as a line of the task's: in a frame of the daemon's own kind it would end Docker's client. */
  #say(task: Task, text: string): void {
    const message = Buffer.from(`shoal: ${text.replaceAll('\n', ' ')}\n`);
    const line: Line = { stream: 2, ...stampOf(this.#deps.clock()), details: '', message };
    const bytes = render(line, this.#asked.shown, detailsOf(task));
    this.#merge.put(`notice ${++this.#notices}`, [{ at: line.at, bytes }], () => undefined);
    this.#wake();
  }

  async #write(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && !this.#out.writableEnded) {
      const pieces = this.#due();
      if (pieces.length > 0) {
        if (!this.#out.write(Buffer.concat(pieces)))
          await once(this.#out, 'drain', { signal }).catch(() => undefined);
      } else if (this.#merge.sources > 0 || (this.#asked.wanted.follow && !this.#asked.isGone())) {
        await this.#change();
      } else return;
    }
  }

  /** What can be sent now, up to some size. */
  #due(): Buffer[] {
    const pieces: Buffer[] = [];
    for (let size = 0; size < chunkBytes; ) {
      const bytes = this.#merge.take(performance.now())?.bytes;
      if (!bytes) break;
      pieces.push(bytes);
      size += bytes.length;
    }
    return pieces;
  }

  /** Resolves when there may be more to send. */
  async #change(): Promise<void> {
    const now = performance.now();
    const until = this.#merge.waitsUntil(now);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = until === undefined ? undefined : setTimeout(resolve, Math.ceil(until - now));
    await promise;
    clearTimeout(timer);
  }
}

const detailsOf = ({ ID, NodeID = '', ServiceID }: Task): Details =>
  new Details({
    'com.docker.swarm.node.id': NodeID,
    'com.docker.swarm.service.id': ServiceID,
    'com.docker.swarm.task.id': ID,
  });
