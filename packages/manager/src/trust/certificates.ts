import { createHash, randomBytes, webcrypto } from 'node:crypto';
import type { Extension, X509Certificate } from '@peculiar/x509';
import { backdatedMs, type Subject, unitOf } from '@shoal/proto/rules';

const { subtle } = webcrypto;
type CryptoKey = webcrypto.CryptoKey;

/** As Swarm's (swarmkit ca/certificates.go). */
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 60 * 60 * 1_000;
const rootLifeMs = 20 * 365 * dayMs;
const longestRequest = 4_096;

/** The cluster's root of trust. PEM; the key as PKCS#8. */
export interface Root {
  readonly certificate: string;
  readonly key: string;
}

/** Who asked for a certificate got something wrong; the text is for them. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}

/** When it is first needed: to load it takes 0.1 s. */
let loading: Promise<typeof import('@peculiar/x509')> | undefined;
const library = () => {
  loading ??= import('reflect-metadata').then(() => import('@peculiar/x509'));
  return loading;
};

/** A new root. Each has a name of its own, so that two of a cluster can't be mistaken for each other. */
export async function makeRoot(clusterId: string, now: number): Promise<Root> {
  const x509 = await library();
  const keys = (await subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [`shoal-ca-${randomBytes(8).toString('hex')}`] }, { O: [clusterId] }],
    ...validity(now, rootLifeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: await ofAuthority(keys.publicKey),
  });
  const key = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { certificate: pem(certificate), key: toPem('PRIVATE KEY', key) };
}

/** Lets whoever trusts only `former` trust `next` as well: a certificate for the same name and key. PEM. */
export async function crossSign(next: Root, former: Root, now: number): Promise<string> {
  const x509 = await library();
  const { subjectName, publicKey, notAfter } = new x509.X509Certificate(next.certificate);
  const signer = new x509.X509Certificate(former.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subjectName,
    issuer: signer.subjectName,
    ...validity(now, Math.min(notAfter.getTime(), signer.notAfter.getTime()) - now),
    signingAlgorithm: algorithm,
    signingKey: await privateKey(former.key),
    publicKey,
    extensions: await ofAuthority(await publicKey.export()),
  });
  return pem(certificate);
}

/** The public half of a key on the curve P-256. */
export interface RequestedKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array<ArrayBuffer>;
  /** SHA-256 of it, hexadecimal. */
  readonly hash: string;
}

/** A root that has been read, which takes several times as long as to sign. */
export interface Signer {
  readonly certificate: X509Certificate;
  readonly key: CryptoKey;
  readonly identifier: Extension;
}

/** The key that a request (PKCS#10, PEM) is for. Throws BadRequest unless its sender has the private one. */
export async function requestedKey(request: string): Promise<RequestedKey> {
  const x509 = await library();
  try {
    if (request.length > longestRequest) throw new Error('it is too long');
    const parsed = new x509.Pkcs10CertificateRequest(request);
    const { name, namedCurve } = parsed.publicKey.algorithm as Partial<typeof algorithm>;
    if (name !== algorithm.name || namedCurve !== algorithm.namedCurve) throw new Error('its key is another');
    if (!(await parsed.verify())) throw new Error('its signature is wrong');
    return requested(parsed.publicKey.rawData);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BadRequest(
      `the request is no PKCS#10 request in PEM, for a key on the curve P-256 and signed by it: ${why}`,
    );
  }
}

function requested(rawData: ArrayBuffer): RequestedKey {
  const spki = new Uint8Array(rawData);
  return { spki, hash: createHash('sha256').update(spki).digest('hex') };
}

export async function signerOf({ certificate, key }: Root): Promise<Signer> {
  const x509 = await library();
  const parsed = new x509.X509Certificate(certificate);
  return {
    certificate: parsed,
    key: await privateKey(key),
    identifier: await x509.AuthorityKeyIdentifierExtension.create(parsed),
  };
}

/** How long a certificate counts, from when. */
export interface Life {
  readonly now: number;
  readonly expiryMs: number;
}

/** By what clients know a server. */
export interface Name {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/** Whom a certificate is for, and what for. */
export interface Holder {
  readonly name: string;
  readonly unit: string;
  readonly clusterId: string;
  /** TLS itself refuses it on the wrong side. */
  readonly uses: readonly ('client' | 'server')[];
  /** Of a server. */
  readonly at?: readonly Name[];
}

/** A certificate for a node's key, signed by the root; it ends with the root at the latest. PEM. */
export const issue = (
  signer: Signer,
  key: RequestedKey,
  { id, role, clusterId }: Subject,
  life: Life,
): Promise<string> =>
  // A worker's can't be shown as a manager's.
  issueTo(
    signer,
    key,
    { name: id, unit: unitOf(role), clusterId, uses: role === 'manager' ? ['server', 'client'] : ['client'] },
    life,
  );

/** The same for any holder. */
export async function issueTo(
  signer: Signer,
  { spki, hash }: RequestedKey,
  { name, unit, clusterId, uses, at = [] }: Holder,
  { now, expiryMs }: Life,
): Promise<string> {
  const x509 = await library();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [name] }, { OU: [unit] }, { O: [clusterId] }],
    issuer: signer.certificate.subjectName,
    ...validity(now, Math.min(expiryMs, signer.certificate.notAfter.getTime() - now)),
    signingAlgorithm: algorithm,
    signingKey: signer.key,
    publicKey: spki,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(
        uses.map((use) => x509.ExtendedKeyUsage[`${use}Auth`]),
        true,
      ),
      signer.identifier,
      // RFC 7093, section 2, method 4.
      new x509.SubjectKeyIdentifierExtension(hash),
      ...(at.length > 0 ? [new x509.SubjectAlternativeNameExtension([...at])] : []),
    ],
  });
  return pem(certificate);
}

/** A certificate's issuer as Docker's API shows it: name (DER) and public key (SPKI), both base64. */
export async function issuerInfo(root: string): Promise<{ subject: string; publicKey: string }> {
  const x509 = await library();
  const { subjectName, publicKey } = new x509.X509Certificate(root);
  const base64 = (bytes: ArrayBuffer) => Buffer.from(bytes).toString('base64');
  return { subject: base64(subjectName.toArrayBuffer()), publicKey: base64(publicKey.rawData) };
}

/** A key for a manager's own certificate: PEM and its public half. */
export async function makeKey(): Promise<RequestedKey & { readonly pem: string }> {
  const keys = (await subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const key = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { pem: toPem('PRIVATE KEY', key), ...requested(await subtle.exportKey('spki', keys.publicKey)) };
}

async function ofAuthority(publicKey: CryptoKey) {
  const x509 = await library();
  return [
    // One more below it: the next root, while that takes over.
    new x509.BasicConstraintsExtension(true, 1, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

const privateKey = (key: string): Promise<CryptoKey> =>
  subtle.importKey('pkcs8', fromPem(key), algorithm, false, ['sign']);

const validity = (now: number, lifeMs: number) => ({
  notBefore: new Date(now - backdatedMs),
  notAfter: new Date(now + lifeMs),
});

/** Positive, and never given before. */
const serialNumber = (): string => `01${randomBytes(15).toString('hex')}`;

const pem = (certificate: { toString(format: 'pem'): string }): string =>
  `${certificate.toString('pem').trim()}\n`;

const toPem = (label: string, base64: string): string =>
  `-----BEGIN ${label}-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`;

const fromPem = (text: string): Buffer => Buffer.from(text.replace(/-----[A-Z ]+-----/g, ''), 'base64');
