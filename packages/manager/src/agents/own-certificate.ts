import { X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { renewalAt } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import type { Random } from '../effects.ts';
import type { Cluster } from '../model/index.ts';
import { type Authority, trustedRoots } from '../trust/index.ts';

/** Whoever opens a connection and then says nothing is cut off. */
const handshakeTimeout = 10_000;
/** However long a renewal is off: somebody may set the clock. One that failed is tried again then. */
const lookMs = 10_000;

/** What a port shows can be changed while it is open; connections that are open keep what they were shown. */
class ChangingCredentials extends ServerCredentials {
  constructor() {
    // Hosts that have not joined yet have no certificate: each service looks for itself.
    super({ requestCert: true, rejectUnauthorized: false, handshakeTimeout });
  }

  change(context: SecureContextOptions): void {
    this.updateSecureContextOptions(context);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

export interface OwnCertificateOptions {
  readonly cluster: () => Cluster;
  readonly authority: Authority;
  readonly managerId: string;
  readonly random: Random;
  readonly log: Logger;
}

/** The manager's own certificate, for the port where agents connect, always valid. Its key is in memory only. */
export class OwnCertificate {
  readonly credentials = new ChangingCredentials();
  readonly #options: OwnCertificateOptions;
  #changing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  /** By the time of day. */
  #made = { validFrom: 0, renewAt: 0 };

  constructor(options: OwnCertificateOptions) {
    this.#options = options;
  }

  /** Shows a certificate from now on, until `close`. Resolves when it is there. */
  begin(): Promise<void> {
    this.#timer = setInterval(() => {
      const { validFrom, renewAt } = this.#made;
      const now = Date.now();
      // A clock that was set back: whom it is shown to would not take it yet.
      if (now < validFrom || now >= renewAt) void this.change();
    }, lookMs).unref();
    return this.change();
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
    clearInterval(this.#timer);
  }

  async #change(): Promise<void> {
    const { cluster, authority, managerId, random, log } = this.#options;
    try {
      const now = cluster();
      const { key, chain } = await authority.ownCredentials(now, managerId);
      this.credentials.change({ key, cert: chain, ca: trustedRoots(now.trust), minVersion: 'TLSv1.3' });
      const shown = new X509Certificate(chain);
      const validFrom = Date.parse(shown.validFrom);
      this.#made = { validFrom, renewAt: renewalAt(validFrom, Date.parse(shown.validTo), random()) };
    } catch (error) {
      log.error({ err: error }, "the manager's own certificate could not be made, trying again");
      this.#made = { validFrom: 0, renewAt: 0 };
    }
  }
}
