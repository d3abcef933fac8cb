import { createCipheriv, createDecipheriv, randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

export const sealingKeyBytes = 32;
export const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
const version = 'v1';
/** 128 MiB and a good part of a second a guess: more than RFC 7914 (2) and OWASP's "Password Storage" ask for at least. */
const scryptCost: ScryptOptions = { N: 2 ** 17, r: 8, p: 1, maxmem: 192 * 1024 * 1024 };

/** Says more than OpenSSL's "unable to authenticate data". */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';

  constructor(purpose: string, cause: unknown) {
    super(`what is sealed as "${purpose}" can't be opened: the key is another one, or it was changed`, {
      cause,
    });
  }
}

/**
 * Encrypts with AES-256-GCM. `purpose` is bound to it: what was sealed for one purpose can't take another's place.
 * Nonces are random, which NIST SP 800-38D (8.3) allows for 2³² texts a key; a cluster seals a few in its life.
 */
function sealBytes(key: Uint8Array, purpose: string, bytes: Uint8Array): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(purpose));
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** Throws SealBroken for another key, another purpose, and whatever was changed. */
function unsealBytes(key: Uint8Array, purpose: string, sealed: Uint8Array): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(purpose)).setAuthTag(sealed.subarray(-tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch (error) {
    throw new SealBroken(purpose, error);
  }
}

/** A text, sealed, as a text. */
export function seal(key: Uint8Array, purpose: string, text: string): string {
  return `${version}.${sealBytes(key, purpose, Buffer.from(text)).toString('base64url')}`;
}

/** Throws SealBroken as `unsealBytes`, and for what is not of the form that `seal` makes. */
export function unseal(key: Uint8Array, purpose: string, sealed: string): string {
  const [given, body = ''] = sealed.split('.');
  if (given !== version) throw new SealBroken(purpose, new Error(`version ${given} is not known`));
  return unsealBytes(key, purpose, Buffer.from(body, 'base64url')).toString('utf8');
}

/** A key that a person can carry in mind. `salt`: random, of `saltBytes`, kept with what is sealed; it is no secret. */
export function keyFromPassphrase(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  const derive = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);
  // The same letters, however a keyboard composes them, are the same passphrase.
  return derive(passphrase.normalize('NFKC'), salt, sealingKeyBytes, scryptCost);
}
