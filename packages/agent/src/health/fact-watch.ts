import type { NodeFacts } from '@shoal/proto';
import type { Logger } from 'pino';
import { type DockerInfo, factsWithoutDaemon, type HostConfig, nodeFacts } from './facts.ts';

/** The daemon sends no event for most of this: labels, resources, plugins, images. */
const everyMs = 20_000;

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

  onChange(listener: (facts: NodeFacts) => void): void {
    this.#onChange = listener;
  }

  /** Asks the daemon; when it does not answer, everything stays but the trouble. Never rejects. */
  async refresh(): Promise<void> {
    try {
      const [info, images] = await Promise.all([this.#source.info(), this.#source.images()]);
      this.#dockerRoot = (info as DockerInfo).DockerRootDir;
      this.#set(nodeFacts(this.#host, info as DockerInfo, images));
    } catch (error) {
      this.trouble(error instanceof Error ? error.message : String(error));
    }
  }

  /** The host has another key, or is short of something else: said without asking the daemon first. */
  refreshHost(): void {
    const { overlayKey, pressures } = this.#host;
    this.#set({ ...this.#facts, overlayKey: overlayKey(), pressures: pressures() });
  }

  /** The daemon can't be used now, and why. A refresh that works takes it back. */
  trouble(reason: string): void {
    this.#set({ ...this.#facts, trouble: `the Docker daemon does not answer: ${reason}` });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #set(facts: NodeFacts): void {
    if (JSON.stringify(facts) === JSON.stringify(this.#facts)) return;
    if (facts.trouble !== this.#facts.trouble)
      this.#log.info({ trouble: facts.trouble }, 'host trouble changed');
    this.#facts = facts;
    this.#onChange(facts);
  }
}
