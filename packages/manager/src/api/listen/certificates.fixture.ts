import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hourMs = 3_600_000;
let serial = 0;

interface Wanted {
  readonly units?: readonly string[];
  readonly usage?: 'server' | 'client';
  /** IP addresses, of a server. */
  readonly at?: readonly string[];
  /** ms from now. */
  readonly from?: number;
  readonly until?: number;
}

/** An authority of a person's own, that signs certificates for servers and users. PEM. */
export async function anAuthority(name: string) {
  const keys = await makeKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: [{ CN: [name] }],
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + hourMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const issue = async (
    CN: string,
    { units = [], usage = 'client', at = ['127.0.0.1'], from = -hourMs, until = hourMs }: Wanted = {},
  ) => {
    const own = await makeKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: `02${(++serial).toString(16).padStart(4, '0')}`,
      subject: [{ CN: [CN] }, ...units.map((unit) => ({ OU: [unit] }))],
      issuer: ca.subjectName,
      notBefore: new Date(Date.now() + from),
      notAfter: new Date(Date.now() + until),
      signingAlgorithm: algorithm,
      signingKey: keys.privateKey,
      publicKey: own.publicKey,
      extensions: [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[`${usage}Auth`]]),
        new x509.SubjectAlternativeNameExtension(at.map((value) => ({ type: 'ip', value }))),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', own.privateKey)).toString('base64');
    return {
      cert: certificate.toString('pem'),
      key: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`,
    };
  };
  return { ca: ca.toString('pem'), issue };
}

const makeKeys = async () =>
  (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
