import { X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { renewalAt } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import type { Random } from '../effects.ts';
import type { Cluster } from '../model/index.ts';
import { type Authority, trustedRoots } from '../trust/index.ts';

/** Timers can't wait for longer than 25 days. */
const longestWaitMs = 24 * 60 * 60 * 1_000;
const retryMs = 10_000;

export interface OwnCertificateOptions {
  readonly cluster: () => Cluster;
  readonly authority: Authority;
  readonly managerId: string;
  readonly random: Random;
  readonly log: Logger;
  /** Has the port show it from now on. */
  readonly show: (context: SecureContextOptions) => void;
}

/** The manager's own certificate, for the port where agents connect, always valid. Its key is in memory only. */
export class OwnCertificate {
  readonly #options: OwnCertificateOptions;
  #changing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: OwnCertificateOptions) {
    this.#options = options;
  }

  /** Resolves when what the port shows, and whom it trusts, is as the cluster has it now. */
  change(): Promise<void> {
    this.#changing = this.#changing.then(() => this.#change());
    return this.#changing;
  }

  /** Resolves when nothing is about to change. */
  settled(): Promise<void> {
    return this.#changing;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #change(): Promise<void> {
    const { cluster, authority, managerId, random, log, show } = this.#options;
    try {
      const now = cluster();
      const { key, chain } = await authority.ownCredentials(now, managerId);
      show({ key, cert: chain, ca: trustedRoots(now.trust) });
      const { validFrom, validTo } = new X509Certificate(chain);
      this.#changeAt(renewalAt(Date.parse(validFrom), Date.parse(validTo), random()));
    } catch (error) {
      log.error({ err: error }, "the manager's own certificate could not be made, trying again");
      this.#changeAt(Date.now() + retryMs);
    }
  }

  #changeAt(at: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const wait = Math.max(at - Date.now(), 0);
    const act = () => (wait > longestWaitMs ? this.#changeAt(at) : void this.change());
    this.#timer = setTimeout(act, Math.min(wait, longestWaitMs)).unref();
  }
}
