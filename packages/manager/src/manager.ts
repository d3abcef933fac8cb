import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Listening, listen, readTls, serveNotLeading } from './api/index.ts';
import type { Config } from './config.ts';
import { type Leading, type LeadOptions, lead } from './leadership/index.ts';
import type { Backend } from './store/index.ts';

/** Waits before each try to lead again. After the last one, whoever started this process has to start another. */
const retriesMs = [0, 100, 200, 500, 1_000, 2_000, 5_000, 5_000, 5_000];

export interface ManagerOptions extends LeadOptions, Pick<Config, 'tls'> {
  /** Resolves when this manager may lead: with the state, which nobody else writes as long as it leads. */
  readonly follow: () => Promise<Backend>;
}

/**
 * Its life: start → follow → lead → close. When it does not know how a commit ended, or another leads, it stops leading and
 * follows again: only what it loads then is true. The API listens all the time.
 */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #closing = new AbortController();
  readonly #failed = Promise.withResolvers<void>();
  #listening: Listening | undefined;
  #leading: Leading | undefined;
  #life: Promise<void> | undefined;

  private constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** Resolves when it leads. Rejects when it can't, or an address is taken. */
  static async start(options: ManagerOptions): Promise<Manager> {
    const manager = new Manager(options);
    try {
      const { tls, log } = options;
      manager.#listening = await listen((...exchange) => manager.#serve(...exchange), options.api, {
        tls: tls && (() => readTls(tls)),
        log,
      });
      manager.#life = manager.#leadOn(await manager.#lead());
      return manager;
    } catch (error) {
      await manager.close();
      throw error;
    }
  }

  /** Where its API listens, with the real ports. */
  get addresses(): readonly string[] {
    return this.#listening?.addresses ?? [];
  }

  /** Resolves when it could not lead again, and does not try any more. */
  get failed(): Promise<void> {
    return this.#failed.promise;
  }

  /** Requests under way get a moment to end; nothing else waits for them. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#listening?.close(), this.#leading?.api.close()]);
    await this.#leading?.close();
    await this.#life;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (this.#leading) this.#leading.api.routing(request, response);
    else serveNotLeading(request, response);
  }

  async #lead(): Promise<Leading> {
    const leading = await lead(await this.#options.follow(), this.#options);
    this.#leading = leading;
    this.#options.log.info({ term: leading.term }, 'leading');
    return leading;
  }

  async #leadOn(first: Leading): Promise<void> {
    for (let leading: Leading | undefined = first; leading; leading = await this.#leadAgain()) {
      if (this.#closing.signal.aborted) await leading.close();
      const outcome = await leading.ended;
      this.#leading = undefined;
      await leading.close();
      if (outcome === 'closed') return;
      const { term } = leading;
      this.#options.log.error(
        { term },
        `a commit ended ${outcome}: leading no more, loading the state again`,
      );
    }
  }

  /** Undefined when it is closed meanwhile, or has failed. */
  async #leadAgain(): Promise<Leading | undefined> {
    const { log } = this.#options;
    const { signal } = this.#closing;
    for (const waitMs of retriesMs) {
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return undefined;
      try {
        return await this.#lead();
      } catch (error) {
        log.error({ err: error }, 'could not lead again');
      }
    }
    log.fatal({ tries: retriesMs.length }, 'gave up trying to lead');
    this.#failed.resolve();
    return undefined;
  }
}
