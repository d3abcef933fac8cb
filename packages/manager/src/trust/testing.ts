/** For tests: what an agent does on its side, and a vault with a key that is nowhere else. */
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { sealingKeyBytes } from './seal.ts';
import { Vault } from './vault.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A new key (PEM), and the request for a certificate for it. */
export async function aKeyAndRequest(): Promise<{ key: string; request: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    request: request.toString('pem'),
  };
}

export const aRequest = async (): Promise<string> => (await aKeyAndRequest()).request;

export const aVault = (key: Uint8Array = randomBytes(sealingKeyBytes)): Vault =>
  new Vault({ name: 'the key of this test', read: () => key, forget: () => undefined });
