import type { Listener } from '@shoal/proto';
import { portKey } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import { isMaybeClient, listenersOf, look, type Ours, ownSockets, type Watch } from './listeners.ts';
import { Owners } from './owners.ts';
import { clientPorts, type OpenSocket, openSockets, type PortRange } from './proc-net.ts';

/** A look takes about 3 ms of CPU time, and 12 ms more for every 1,000 ports on which something listens. */
const everyMs = 2_000;
/** At most so many are reported, so that a host with thousands is no burden to the manager; this host's own rules know all. */
const mostTold = 500;

export interface ListenerWatchOptions {
  readonly ours: () => Ours;
  /** Ports came or went. Not `urgent`: only ports that clients may have, of which thousands come and go on some hosts. */
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

  /** As `tcp/22`: ports that neither this agent nor a task of the cluster listens on. */
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
