import type { Sealed, Sealing } from './sealed.ts';

/** The cluster's authority over certificates. What is sealed opens only with a key that is not in the store. */
export interface Trust {
  /** The root that signs. */
  readonly root: SealedRoot;
  /** The root before it, as long as some node's certificate is from that one: meanwhile both are trusted. */
  readonly former?: FormerRoot;
  /** What follows the digest in the join tokens. */
  readonly joinSecrets: { readonly worker: Sealed; readonly manager: Sealed };
  /** How long a certificate counts. */
  readonly nodeCertExpiryMs: number;
  /** Docker's Spec.CAConfig.ForceRotate, as it was last asked for. */
  readonly forceRotate: number;
}

export interface SealedRoot {
  /** PEM. */
  readonly certificate: string;
  /** As join tokens carry it. */
  readonly digest: string;
  /** Its private key (PKCS#8, PEM). */
  readonly key: Sealed;
  /** Name and public key as Docker's TLSInfo has them, base64. */
  readonly issuer: { readonly subject: string; readonly publicKey: string };
}

export interface FormerRoot {
  readonly certificate: string;
  readonly digest: string;
  readonly issuer: SealedRoot['issuer'];
  /** The root that signs, signed by this one: so it counts for those who know only this one. PEM. */
  readonly crossSigned: string;
}

/** The state was brought back from a backup. */
export interface Restored {
  /** When the backup was made, ISO 8601. */
  readonly madeAt: string;
  /** Node whose host ran the manager then: it may be gone. */
  readonly formerManager?: string;
}

/** Facts about the whole cluster; there is exactly one such object. */
export interface Cluster {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly trust: Trust;
  readonly sealing: Sealing;
  /** Docker's Spec.Labels. */
  readonly Labels?: Readonly<Record<string, string>>;
  /** Ended tasks kept per slot, beside the live one (Swarm's TaskHistoryRetentionLimit, default 5). */
  readonly TaskHistoryRetentionLimit: number;
  /** Of the manager that leads, or led last: greater than that of all before it. None before the first had one. */
  readonly term?: number;
  /**
   * How often agents beat, ms: none keeps a longer lease or beats less often than follows from that. Where there never were more
   * than 1,000 nodes it is not set.
   */
  readonly beatMs?: number;
  /** Until it is settled what has changed since, the hosts go on as they are, see hold/. */
  readonly restored?: Restored;
  /** TCP ports on which the manager listens, as of its last start, and what for. */
  readonly managerPorts?: readonly { readonly port: number; readonly what: string }[];
}

/** How this state is sealed. Throws before there is a cluster. */
export function sealingIn(view: { readonly clusters: { all(): Iterable<Cluster> } }): Sealing {
  const [cluster] = view.clusters.all();
  if (!cluster) throw new Error('there is no cluster yet, so nothing can be sealed');
  return cluster.sealing;
}
