import type { IncomingMessage, ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownerOnly } from '@shoal/proto';
import {
  type Api,
  buildLockedApi,
  type Listening,
  listen,
  parseAddress,
  readTls,
  serveNotLeading,
} from './api/index.ts';
import { AuditLog } from './audit/index.ts';
import { type Leading, type LeadOptions, lead } from './leadership/index.ts';
import { placeOfKey, type SealingKeySource } from './sealing-key.ts';
import type { Backend } from './store/index.ts';
import { Locked, Vault } from './trust/index.ts';
import { version } from './version.ts';

/** In the state directory, but for the key, which is refused where others can read it. */
const ours = /^(state\.|audit$)/;

const isTls = (address: string): boolean => parseAddress(address).door === 'tls';

/** Waits before each try to lead again. After the last one, whoever started this process has to start another. */
const retriesMs = [0, 100, 200, 500, 1_000, 2_000, 5_000, 5_000, 5_000];

export interface ManagerOptions extends Omit<LeadOptions, 'audit' | 'vault'>, SealingKeySource {
  /** Resolves when this manager may lead: with the state, which nobody else writes as long as it leads. */
  readonly follow: () => Promise<Backend>;
}

/**
 * Its life: start → follow → lead → close. With autolock on it is locked after its start, until somebody brings the unlock key.
 * When it does not know how a commit ended, or another leads, it stops leading and follows again: only what it loads then is
 * true. The API listens all the time.
 */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #closing = new AbortController();
  readonly #failed = Promise.withResolvers<void>();
  readonly #audit: AuditLog;
  readonly #vault: Vault;
  readonly #listening: Listening[] = [];
  /** Of the present term, or the last one. */
  #certificate: Leading['certificate'] | undefined;
  #leading: Leading | undefined;
  #locked: Api | undefined;
  #unlocking: Promise<void> | undefined;
  #life: Promise<void> | undefined;

  private constructor(options: ManagerOptions, audit: AuditLog) {
    this.#options = options;
    this.#audit = audit;
    this.#vault = new Vault(placeOfKey(options));
  }

  /** Resolves when it leads, or is locked. Rejects when it can't, or an address is taken. */
  static async start(options: ManagerOptions): Promise<Manager> {
    for (const line of ownerOnly(options.stateDir, ours)) options.log.warn(line);
    const manager = new Manager(options, await AuditLog.open(resolve(options.stateDir, 'audit'), options));
    try {
      // Nobody is told that it does not lead yet at an address that is TLS: the certificate is in the cluster's state.
      await manager.#listen(options.api.filter((address) => !isTls(address)));
      await manager.#begin().catch((error) => {
        if (!(error instanceof Locked)) throw error;
        return manager.#lock(error);
      });
      return manager;
    } catch (error) {
      await manager.close();
      throw error;
    }
  }

  /** Until somebody brings the unlock key. */
  get isLocked(): boolean {
    return this.#locked !== undefined;
  }

  /** Where its API listens, with the real ports. */
  get addresses(): readonly string[] {
    return this.#listening.flatMap(({ addresses }) => addresses);
  }

  /** Resolves when it could not lead again, and does not try any more. */
  get failed(): Promise<void> {
    return this.#failed.promise;
  }

  /** Requests under way get a moment to end; nothing else waits for them. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#unlocking?.catch(() => undefined);
    await Promise.all([...this.#listening, this.#leading?.api].map((each) => each?.close()));
    await this.#leading?.close();
    await this.#life;
  }

  async #listen(addresses: readonly string[]): Promise<void> {
    const { tls: files, log } = this.#options;
    const own = async () => {
      if (!this.#certificate) throw new Error('this manager has not led yet');
      return this.#certificate();
    };
    const tls = () => readTls(files, own);
    this.#listening.push(await listen((...exchange) => this.#serve(...exchange), addresses, { tls, log }));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const api = this.#leading?.api ?? this.#locked;
    if (api) api.routing(request, response);
    else serveNotLeading(request, response);
  }

  async #begin(): Promise<void> {
    const leading = await this.#lead();
    try {
      await this.#listen(this.#options.api.filter(isTls));
    } catch (error) {
      this.#leading = undefined;
      await leading.close();
      throw error;
    }
    this.#locked = undefined;
    this.#life = this.#keepLeading(leading);
  }

  async #lock({ message, sealing }: Locked): Promise<void> {
    const { log, agentListen } = this.#options;
    this.#locked = await buildLockedApi({
      audit: this.#audit,
      timeOfDay: Date.now,
      log,
      about: { version, managerAddr: agentListen },
      unlock: (key) => this.#unlock(sealing, key),
    });
    log.warn(message);
  }

  async #unlock(sealing: Locked['sealing'], key: string): Promise<boolean> {
    if (!this.#vault.unlock(sealing, key)) return false;
    this.#unlocking ??= this.#begin().finally(() => {
      this.#unlocking = undefined;
    });
    await this.#unlocking;
    return true;
  }

  async #lead(): Promise<Leading> {
    const options = { ...this.#options, audit: this.#audit, vault: this.#vault };
    const leading = await lead(await this.#options.follow(), options);
    this.#leading = leading;
    this.#certificate = leading.certificate;
    this.#options.log.info({ term: leading.term }, 'leading');
    return leading;
  }

  async #keepLeading(first: Leading): Promise<void> {
    for (let leading: Leading | undefined = first; leading; leading = await this.#leadAgain()) {
      if (this.#closing.signal.aborted) await leading.close();
      const outcome = await leading.ended;
      this.#leading = undefined;
      await leading.close();
      if (outcome === 'closed') return;
      const { term } = leading;
      if (outcome === 'settled') this.#options.log.info({ term }, 'on hold no more: leading anew');
      else
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
