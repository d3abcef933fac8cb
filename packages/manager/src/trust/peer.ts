import { X509Certificate } from 'node:crypto';
import { parseSubject, rootDigest, type Subject } from '@shoal/proto/rules';

/** Who is at the other end of a connection. */
export interface Peer extends Subject {
  /** Digest of the root that signed its certificate. */
  readonly signedBy: string;
  /** When the certificate ends, ms since the epoch. */
  readonly expiresAt: number;
}

/** Why a certificate counts for nothing; the text goes to who showed it. */
export class Untrusted extends Error {
  override readonly name = 'Untrusted';
}

export const digestOf = (root: string): string => rootDigest(new X509Certificate(root).fingerprint256);

/**
 * Who a certificate (DER) says its holder is. That the holder has its key, TLS has shown; all else is looked at here once
 * more, since a resumed connection is not verified anew. Throws Untrusted.
 * `roots`: those that count now, PEM.
 */
export function peerOf(raw: Uint8Array, roots: readonly string[], clusterId: string, now: number): Peer {
  const certificate = new X509Certificate(raw);
  const root = roots
    .map((one) => new X509Certificate(one))
    .find((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey));
  if (!root) throw new Untrusted("the certificate is not of this cluster's authority");
  const subject = parseSubject(certificate.subject);
  if (!subject || certificate.ca) throw new Untrusted('the certificate says of nobody who it is');
  if (subject.clusterId !== clusterId) throw new Untrusted('the certificate is for another cluster');
  const expiresAt = Date.parse(certificate.validTo);
  if (now >= expiresAt || now < Date.parse(certificate.validFrom))
    throw new Untrusted(
      `the certificate counts from ${certificate.validFrom} to ${certificate.validTo}, and it is ${new Date(now).toISOString()}`,
    );
  return { ...subject, signedBy: rootDigest(root.fingerprint256), expiresAt };
}
