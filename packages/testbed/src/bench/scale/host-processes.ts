import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { TestbedError, until } from '../../machine/index.ts';

/** What a process of hosts is asked for. */
export type Request = Start | { readonly what: 'record' } | StopDead;

export interface Start {
  readonly what: 'start';
  /** Number of the first host. */
  readonly first: number;
  readonly count: number;
  /** HOST:PORT. */
  readonly manager: string;
  readonly joinToken: string;
  readonly probePort: number;
  /** Connections that a host's kernel takes while nobody accepts them. */
  readonly backlog: number;
}

export interface StopDead {
  readonly what: 'stop dead';
  /** Is there as soon as the process does nothing any more. */
  readonly mark: string;
}

/** What came over the wire; times are milliseconds since the epoch, 0 for never. */
export interface Received {
  messages: number;
  bytes: number;
  /** When an agent last told that a task runs. */
  reportedAt: number;
  /** When the last endpoint, and the last slice, arrived; and how many agents got any. */
  endpointAt: number;
  sliceAt: number;
  endpointReceivers: number;
  sliceReceivers: number;
}

export type Answer =
  | { readonly what: 'count'; readonly connected: number; readonly running: number }
  | ({ readonly what: 'received' } & Received);

/** Linux takes one connection more than this before it leaves the next ones without an answer. */
const doomedBacklog = 1;
const fill = 4;

/** Hollow hosts in a process of their own. */
export class HostProcess {
  /** Its hosts have lost their power. */
  dead = false;
  connected = 0;
  running = 0;
  readonly #child: ChildProcess;
  readonly #start: Omit<Start, 'what'>;
  #received: ((received: Received) => void) | undefined;

  constructor(start: Omit<Start, 'what' | 'backlog'>, doomed: boolean) {
    this.#start = { ...start, backlog: doomed ? doomedBacklog : 128 };
    this.#child = fork(join(import.meta.dirname, 'host-process.ts'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (answer: Answer) => {
      if (answer.what === 'received') this.#received?.(answer);
      else if (!this.dead) [this.connected, this.running] = [answer.connected, answer.running];
    });
    this.#send({ what: 'start', ...this.#start });
  }

  /** Begins to write down what comes. */
  record(): void {
    this.#send({ what: 'record' });
  }

  /** What came since the last time. */
  received(): Promise<Received> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new TestbedError('A process of hosts does not answer.')), 60_000);
      this.#received = (received) => {
        clearTimeout(late);
        resolve(received);
      };
      this.#send({ what: 'record' });
    });
  }

  /** All its hosts lose their power. Ends the sockets that it returns when they are destroyed. */
  async stopDead(addresses: readonly string[], mark: string): Promise<Socket[]> {
    this.#send({ what: 'stop dead', mark });
    await until('the doomed hosts have stopped', () => existsSync(mark), { timeoutMs: 30_000, everyMs: 2 });
    this.dead = true;
    this.connected = 0;
    this.running = 0;
    // Nobody accepts connections any more; when the kernel's queues are full it does not answer either.
    return addresses.flatMap((host) =>
      Array.from({ length: fill }, () =>
        connect({ host, port: this.#start.probePort }).on('error', () => undefined),
      ),
    );
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #send(request: Request): void {
    if (this.#child.connected) this.#child.send(request);
  }
}
