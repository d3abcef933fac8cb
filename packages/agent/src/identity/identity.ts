import { X509Certificate } from 'node:crypto';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { type NodeFacts, protocolVersion, type Trust } from '@shoal/proto';
import { parseJoinToken, parseSubject, renewalAt, renewalSpreadMs } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import { askForCertificate, NotAdmitted, rootOf, toManager } from './ask.ts';
import type { KeyAndRequest } from './key-and-request.ts';

/** However long a renewal is off: somebody may set the clock. */
const lookMs = 60_000;
/** A renewal that failed is tried again after this part of what is left, and soon: a new root waits for it. */
const retryPart = 0.1;
const shortestRetryMs = 1_000;
const longestRetryMs = 60_000;

/** What survives the agent: PEM. Before it has joined, a key and the request for it. */
interface Kept extends KeyAndRequest {
  readonly certificate?: string;
  readonly roots?: string;
}

interface Admitted extends Required<Kept> {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly validFrom: number;
  readonly validTo: number;
  readonly credentials: ChannelCredentials;
}

export interface IdentityOptions {
  /** As `keep` got it last; undefined on a host that has never been in a cluster. */
  readonly kept: string | undefined;
  /** Holds the key, for this agent's eyes only. Resolves when it is on disk, if that is possible at all. */
  readonly keep: (text: string) => Promise<void>;
  /** HOST:PORT, asked anew for each try. */
  readonly manager: () => string;
  /** Empty for none. */
  readonly joinToken: () => Promise<string>;
  readonly facts: () => NodeFacts;
  readonly makeKey: () => Promise<KeyAndRequest>;
  /** There is a new certificate: connections of before should be made anew. */
  readonly onRenewed: () => void;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** Who this host is in its cluster: its key, its certificate, and whom it trusts. */
export class Identity {
  readonly #options: IdentityOptions;
  #kept: Kept | undefined;
  #admitted: Admitted | undefined;
  #renewal: NodeJS.Timeout | undefined;
  #renewing = false;
  #closed = false;

  constructor(options: IdentityOptions) {
    this.#options = options;
    try {
      this.#kept = options.kept === undefined ? undefined : JSON.parse(options.kept);
      this.#admitted = this.#kept && admittedBy(this.#kept);
    } catch (error) {
      options.log.error({ err: error }, 'what is kept of this node is broken, it has to join again');
      this.#kept = undefined;
    }
  }

  /** Undefined until the host has joined. */
  get node(): { readonly nodeId: string; readonly clusterId: string } | undefined {
    if (!this.#admitted) return undefined;
    const { nodeId, clusterId } = this.#admitted;
    return { nodeId, clusterId };
  }

  /** For connections to the manager; the host joins first, if it has to. Rejects when it can't. */
  async credentials(): Promise<ChannelCredentials> {
    const admitted = this.#admitted;
    if (!admitted || admitted.validTo <= Date.now()) return (await this.#join()).credentials;
    if (!this.#renewal) this.#planRenewal(admitted);
    return admitted.credentials;
  }

  /** The same, of those that it has had: for more connections beside the session's. */
  get presentCredentials(): ChannelCredentials {
    if (!this.#admitted) throw new NotAdmitted('this host has not joined');
    return this.#admitted.credentials;
  }

  /** The manager says whom to trust, and whether a new certificate is due. */
  async trust({ roots, renew, renewWithinMs }: Trust): Promise<void> {
    const admitted = this.#admitted;
    if (!admitted) return;
    const { key, request, certificate } = admitted;
    if (roots !== admitted.roots) await this.#take({ key, request, certificate, roots });
    if (!renew) return;
    // All agents are asked at once, and come one after the other.
    this.#after(this.#options.random() * (renewWithinMs || renewalSpreadMs(0)), () => this.#renew());
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#renewal);
  }

  /** The key is on disk before it is used: so the manager knows this host again when its answer was lost. */
  async #join(): Promise<Admitted> {
    const { joinToken, manager, facts, makeKey, keep, log } = this.#options;
    const token = await joinToken();
    if (token === '')
      throw new Error(
        this.#admitted
          ? 'the certificate of this host has ended; with a join token it gets another'
          : 'this host has not joined yet, and there is no join token',
      );
    const digest = parseJoinToken(token)?.digest;
    if (digest === undefined)
      throw new NotAdmitted('the join token is not whole: it has the form SHOAL-1-DIGEST-SECRET');
    if (!this.#kept) {
      this.#kept = await makeKey();
      await keep(JSON.stringify(this.#kept));
    }
    const { key, request } = this.#kept;
    const root = await rootOf(manager(), digest);
    const reply = await askForCertificate(manager(), toManager(root), {
      request,
      joinToken: token,
      facts: facts(),
      protocol: protocolVersion,
    });
    const admitted = await this.#take({ key, request, ...reply });
    log.info({ nodeId: admitted.nodeId, clusterId: admitted.clusterId }, 'joined the cluster');
    return admitted;
  }

  async #renew(): Promise<void> {
    const { makeKey, manager, log, onRenewed } = this.#options;
    const admitted = this.#admitted;
    if (!admitted || this.#renewing) return;
    this.#renewing = true;
    try {
      const { key, request } = await makeKey();
      const reply = await askForCertificate(manager(), admitted.credentials, {
        request,
        joinToken: '',
        facts: undefined,
        protocol: protocolVersion,
      });
      if (this.#closed) return;
      const { validTo } = await this.#take({ key, request, ...reply });
      log.info({ until: new Date(validTo).toISOString() }, 'the certificate was renewed');
      onRenewed();
    } catch (error) {
      const waitMs = this.#retryMs(admitted.validTo);
      log.warn({ err: error, waitMs }, 'the certificate could not be renewed, trying again');
      this.#after(waitMs, () => this.#renew());
    } finally {
      this.#renewing = false;
    }
  }

  async #take(kept: Required<Kept>): Promise<Admitted> {
    const admitted = admittedBy(kept);
    if (!admitted) throw new NotAdmitted('the manager issued a certificate that says of nobody who it is');
    await this.#options.keep(JSON.stringify(kept));
    this.#kept = kept;
    this.#admitted = admitted;
    this.#planRenewal(admitted);
    return admitted;
  }

  #planRenewal({ validFrom, validTo }: Admitted): void {
    const dueAt = renewalAt(validFrom, validTo, this.#options.random());
    const look = () => {
      const left = dueAt - Date.now();
      if (left > 0) this.#after(Math.min(left, lookMs), look);
      else void this.#renew();
    };
    // Where the clock is far ahead of the manager's, each certificate is due as soon as it is there.
    this.#after(Math.min(Math.max(dueAt - Date.now(), this.#retryMs(validTo)), lookMs), look);
  }

  /** Those that failed together don't come together again. */
  #retryMs(validTo: number): number {
    const longest = Math.min((validTo - Date.now()) * retryPart, longestRetryMs);
    return Math.max(longest * (0.5 + 0.5 * this.#options.random()), shortestRetryMs);
  }

  /** Whatever was planned before. */
  #after(waitMs: number, act: () => unknown): void {
    clearTimeout(this.#renewal);
    if (this.#closed) return;
    this.#renewal = setTimeout(act, Math.max(waitMs, 0)).unref();
  }
}

/** Undefined for what has no certificate, or not one of a node. */
function admittedBy({ key, request, certificate, roots }: Kept): Admitted | undefined {
  if (certificate === undefined || roots === undefined) return undefined;
  const { subject, validFrom, validTo } = new X509Certificate(certificate);
  const { id, clusterId } = parseSubject(subject) ?? {};
  if (id === undefined || clusterId === undefined) return undefined;
  return {
    ...{ key, request, certificate, roots, nodeId: id, clusterId },
    validFrom: Date.parse(validFrom),
    validTo: Date.parse(validTo),
    credentials: toManager(roots, clusterId, { key, certificate }),
  };
}
