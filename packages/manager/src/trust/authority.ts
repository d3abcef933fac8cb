import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  formatJoinToken,
  parseJoinToken,
  type Role,
  roles,
  type Subject,
  tokenSecret,
} from '@shoal/proto/rules';
import type { Clock } from '../effects.ts';
import {
  type AccessRole,
  type Cluster,
  purposes,
  type Sealed,
  type Trust,
  userUnit,
} from '../model/index.ts';
import {
  crossSign,
  type Holder,
  issue,
  issuerInfo,
  issueTo,
  type Life,
  makeKey,
  makeRoot,
  type Name,
  type RequestedKey,
  type Root,
  type Signer,
  signerOf,
} from './certificates.ts';
import { digestOf } from './peer.ts';
import type { Vault } from './vault.ts';

/** As Swarm's. */
export const defaultExpiryMs = 90 * 24 * 60 * 60 * 1_000;

const secretBytes = 16;

type Of = Pick<Cluster, 'ID' | 'trust'>;
type At = Pick<Cluster, 'sealing'>;

/** What a server shows: its certificate and those that lead to the roots, PEM. */
export interface Credentials {
  readonly key: string;
  readonly chain: string;
  /** Ms since the epoch. */
  readonly expiresAt: number;
}

/** All that needs what is sealed: it makes roots, signs certificates, and knows the join tokens. */
export class Authority {
  readonly #vault: Vault;
  readonly #clock: Clock;
  /** By the record of the root, which never changes. */
  readonly #signers = new WeakMap<Trust['root'], Promise<Signer>>();

  constructor({ vault, clock }: { readonly vault: Vault; readonly clock: Clock }) {
    this.#vault = vault;
    this.#clock = clock;
  }

  /** What a new cluster begins with. */
  async begin({ ID, sealing }: Pick<Cluster, 'ID'> & At): Promise<Trust> {
    const root = await makeRoot(ID, this.#clock());
    const at = { sealing };
    return {
      root: await this.#sealed(at, root),
      joinSecrets: { worker: this.newJoinSecret(at, 'worker'), manager: this.newJoinSecret(at, 'manager') },
      nodeCertExpiryMs: defaultExpiryMs,
      forceRotate: 0,
    };
  }

  /** A new root takes over; the present one stays trusted until `withoutFormer`. */
  async rotate({ ID, trust, sealing }: Of & At): Promise<Pick<Trust, 'root' | 'former'>> {
    const former = this.#opened(trust);
    const { certificate, digest, issuer } = trust.root;
    const root = await makeRoot(ID, this.#clock());
    const crossSigned = await crossSign(root, former, this.#clock());
    return {
      root: await this.#sealed({ sealing }, root),
      former: { certificate, digest, issuer, crossSigned },
    };
  }

  newJoinSecret({ sealing }: At, role: Role): Sealed {
    return this.#vault.seal(sealing, purposes.joinSecret(role), tokenSecret(randomBytes(secretBytes)));
  }

  /** For people, and for them alone: not to be logged. */
  joinToken(trust: Trust, role: Role): string {
    return formatJoinToken({ digest: trust.root.digest, secret: this.#secret(trust, role) });
  }

  /**
   * What a host that shows this token may become; undefined for a token that doesn't count. The digest in it is for the host
   * to compare, and one of before a rotation is as good.
   */
  roleOf(trust: Trust, token: string): Role | undefined {
    const secret = parseJoinToken(token)?.secret;
    return secret === undefined ? undefined : roles.find((role) => isSame(secret, this.#secret(trust, role)));
  }

  /** A certificate for whoever has this key, PEM. */
  async certify({ ID, trust }: Of, key: RequestedKey, node: Omit<Subject, 'clusterId'>): Promise<string> {
    return issue(await this.#signer(trust), key, { ...node, clusterId: ID }, this.#life(trust));
  }

  /** What this manager shows to agents. */
  async ownCredentials({ ID, trust }: Of, managerId: string): Promise<Credentials> {
    const key = await makeKey();
    const life = this.#life(trust);
    const subject = { id: managerId, role: 'manager', clusterId: ID } as const;
    const certificate = await issue(await this.#signer(trust), key, subject, life);
    return {
      key: key.pem,
      chain: certificate + (trust.former?.crossSigned ?? ''),
      expiresAt: life.now + life.expiryMs,
    };
  }

  /** What the API shows to people: under these names and addresses. No agent takes it for a manager's. */
  async apiCredentials({ ID, trust }: Of, at: readonly Name[]): Promise<Credentials> {
    const holder: Holder = { name: 'shoal', unit: 'shoal-api', clusterId: ID, uses: ['server'], at };
    const { key, certificate, expiresAt } = await this.#made(trust, holder, this.#life(trust));
    return { key, chain: certificate + (trust.former?.crossSigned ?? ''), expiresAt };
  }

  /** By which a user is let into the API; the key is kept nowhere else. It can't be taken back. */
  async userCredentials(
    { ID, trust }: Of,
    { name, role }: { readonly name: string; readonly role: AccessRole },
    expiryMs: number,
  ): Promise<{ key: string; certificate: string; expiresAt: number }> {
    const holder: Holder = { name, unit: userUnit(role), clusterId: ID, uses: ['client'] };
    return this.#made(trust, holder, { now: this.#clock(), expiryMs });
  }

  async #made(trust: Trust, holder: Holder, life: Life) {
    const key = await makeKey();
    const certificate = await issueTo(await this.#signer(trust), key, holder, life);
    return { key: key.pem, certificate, expiresAt: life.now + life.expiryMs };
  }

  #life(trust: Trust): Life {
    return { now: this.#clock(), expiryMs: trust.nodeCertExpiryMs };
  }

  async #sealed({ sealing }: At, { certificate, key }: Root): Promise<Trust['root']> {
    return {
      certificate,
      digest: digestOf(certificate),
      key: this.#vault.seal(sealing, purposes.rootKey, key),
      issuer: await issuerInfo(certificate),
    };
  }

  #signer(trust: Trust): Promise<Signer> {
    const known = this.#signers.get(trust.root);
    if (known) return known;
    const signer = signerOf(this.#opened(trust));
    this.#signers.set(trust.root, signer);
    return signer;
  }

  #opened({ root: { certificate, key } }: Trust): Root {
    return { certificate, key: this.#vault.unseal(purposes.rootKey, key) };
  }

  #secret(trust: Trust, role: Role): string {
    return this.#vault.unseal(purposes.joinSecret(role), trust.joinSecrets[role]);
  }
}

/** Says nothing of where they differ by the time it takes. */
function isSame(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
