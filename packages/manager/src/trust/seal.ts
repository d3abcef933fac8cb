import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export const sealingKeyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const version = 'v1';

/** Says more than OpenSSL's "unable to authenticate data". */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/**
 * Encrypts with AES-256-GCM. `purpose` is bound to the text: what was sealed for one purpose can't take another's place.
 * Nonces are random, which NIST SP 800-38D (8.3) allows for 2³² texts a key; a cluster seals a few in its life.
 */
export function seal(key: Uint8Array, purpose: string, text: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(purpose));
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${version}.${sealed.toString('base64url')}`;
}

/** Throws SealBroken for another key, another purpose, and whatever was changed. */
export function unseal(key: Uint8Array, purpose: string, sealed: string): string {
  const [given, body = ''] = sealed.split('.');
  const bytes = Buffer.from(body, 'base64url');
  try {
    if (given !== version) throw new Error(`version ${given} is not known`);
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(-tagBytes));
    const text = decipher.update(bytes.subarray(nonceBytes, -tagBytes));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch (error) {
    throw new SealBroken(
      `what is sealed as "${purpose}" can't be opened: the key is another one, or it was changed`,
      { cause: error },
    );
  }
}
