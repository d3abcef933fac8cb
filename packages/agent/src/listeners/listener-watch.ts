import type { Listener } from '@shoal/proto';
import { portKey } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import { isMaybeClient, listenersOf, look, type Ours, ownSockets, type Watch } from './listeners.ts';
import { Owners } from './owners.ts';
import { clientPorts, type OpenSocket, openSockets, type PortRange } from './proc-net.ts';

/** A look takes some 3 ms of processor time, and 12 more for each thousand of ports on which something listens. */
const everyMs = 2_000;
/** The manager is told of no more, so that a host with thousands of them is no burden; its own rules know all. */
const mostTold = 500;

export interface ListenerWatchOptions {
  readonly ours: () => Ours;
  /** Ports came or went. Not `urgent`: only such as may be clients', which come and go by the thousand on some hosts. */
  readonly onChange: (urgent: boolean) => void;
  readonly log: Logger;
}

/** Keeps what listens on this host up to date: a published port must not take it over. */
export class ListenerWatch {
  readonly #options: ListenerWatchOptions;
  readonly #owners = new Owners();
  #watch: Watch | undefined;
  #own: ReadonlySet<string> = new Set();
  #listeners: readonly Listener[] = [];
  #ports: ReadonlySet<string> = new Set();
  #saidTrouble = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ListenerWatchOptions) {
    this.#options = options;
  }

  /** For the manager. */
  get listeners(): Listener[] {
    return this.#listeners.slice(0, mostTold);
  }

  /** `tcp/22`: taken by others than this agent and Docker's host ports of its tasks. */
  get ports(): ReadonlySet<string> {
    return this.#ports;
  }

  /** The first look; the next ones follow, each some time after the one before has ended. Never rejects. */
  async look(): Promise<void> {
    try {
      await this.#note(openSockets(), clientPorts());
    } catch (err) {
      if (!this.#saidTrouble)
        this.#options.log.warn(
          { err },
          'what listens on this host is not known: published ports may take it over',
        );
      this.#saidTrouble = true;
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.look(), everyMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #note(sockets: readonly OpenSocket[], clients: PortRange): Promise<void> {
    this.#watch = look(this.#watch, sockets, { now: performance.now(), clients });
    const counting = [...this.#watch.values()].filter(({ counts }) => counts);
    const owners = await this.#owners.of(new Set(counting.flatMap(({ inodes }) => inodes)));
    const ours = this.#options.ours();
    this.#own = ownSockets(this.#watch, owners, ours, this.#own);
    const before = this.#listeners;
    this.#listeners = listenersOf(this.#watch, owners, this.#own, ours);
    const firm = (all: readonly Listener[]) =>
      JSON.stringify(
        all.filter(({ protocol, port }) => !isMaybeClient({ transport: protocol, port }, clients)),
      );
    if (JSON.stringify(this.#listeners) === JSON.stringify(before) || this.#closed) return;
    this.#ports = new Set(this.#listeners.map(({ protocol, port }) => portKey(protocol, port)));
    this.#options.onChange(firm(this.#listeners) !== firm(before));
  }
}
