import type { NodeFacts, Pressure } from '@shoal/proto';
import type { Logger } from 'pino';
import { type DockerInfo, factsWithoutDaemon, type HostConfig, nodeFacts } from './facts.ts';

/** The daemon sends no event for most of this: labels, resources, plugins, images. */
const everyMs = 20_000;
/** Containers of a daemon with live-restore outlive it; but nobody stops or checks them, so this is not for ever. */
export const daemonAwayMs = 60_000;

export interface FactSource {
  info(): Promise<unknown>;
  images(): Promise<string[]>;
}

/** Keeps what is known of the host up to date and says when it changed. */
export class FactWatch {
  readonly #host: HostConfig;
  readonly #source: FactSource;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #facts: NodeFacts;
  #dockerRoot: string | undefined;
  #liveRestore = false;
  /** Its daemon is away, its containers are not: until this fires. */
  #patience: NodeJS.Timeout | undefined;
  #away: Pressure[] = [];
  #onChange: (facts: NodeFacts) => void = () => {};

  constructor(host: HostConfig, source: FactSource, log: Logger) {
    this.#host = host;
    this.#source = source;
    this.#log = log;
    this.#facts = factsWithoutDaemon(host);
    this.#timer = setInterval(() => void this.refresh(), everyMs);
  }

  get facts(): NodeFacts {
    return this.#facts;
  }

  /** Where the daemon keeps images and containers; undefined before it has said so. */
  get dockerRoot(): string | undefined {
    return this.#dockerRoot;
  }

  /** Containers outlive the daemon. */
  get liveRestore(): boolean {
    return this.#liveRestore;
  }

  onChange(listener: (facts: NodeFacts) => void): void {
    this.#onChange = listener;
  }

  /** Asks the daemon; when it does not answer, everything stays but the trouble. Never rejects. */
  async refresh(): Promise<void> {
    try {
      const [info, images] = await Promise.all([this.#source.info(), this.#source.images()]);
      this.#back(info as DockerInfo);
      this.#set(nodeFacts(this.#host, info as DockerInfo, images));
    } catch (error) {
      this.trouble(error instanceof Error ? error.message : String(error));
    }
  }

  /** The host has another key, is short of something else, or others listen on it: said without asking the daemon first. */
  refreshHost(): void {
    const { overlayKey, underlay, pressures, listeners } = this.#host;
    this.#set({
      ...this.#facts,
      overlayKey: overlayKey(),
      underlay: underlay(),
      listeners: listeners(),
      pressures: [...pressures(), ...this.#away],
    });
  }

  /**
   * The daemon can't be used now, and why. A refresh that works takes it back. With live-restore the containers run on:
   * for a while it is only a reason to give the host nothing new.
   */
  trouble(reason: string): void {
    const message = `the Docker daemon does not answer: ${reason}`;
    if (!this.#liveRestore) {
      this.#set({ ...this.#facts, trouble: message, pressures: this.#host.pressures() });
      return;
    }
    this.#patience ??= setTimeout(() => {
      this.#liveRestore = false;
      this.#away = [];
      this.trouble(reason);
    }, daemonAwayMs);
    this.#away = [
      { kind: 'daemon', message: `without its Docker daemon, and its containers run on: ${reason}` },
    ];
    this.refreshHost();
  }

  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#patience);
  }

  #back({ DockerRootDir, LiveRestoreEnabled = false }: DockerInfo): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#away = [];
    this.#dockerRoot = DockerRootDir;
    this.#liveRestore = LiveRestoreEnabled;
  }

  #set(facts: NodeFacts): void {
    if (JSON.stringify(facts) === JSON.stringify(this.#facts)) return;
    if (facts.trouble !== this.#facts.trouble)
      this.#log.info({ trouble: facts.trouble }, 'host trouble changed');
    this.#facts = facts;
    this.#onChange(facts);
  }
}
