import { createHash, timingSafeEqual } from 'node:crypto';
import type { Ids } from '../../effects.ts';
import type { Token } from '../../model/index.ts';

/** `shoal_ID_SECRET`: the id finds it, and whoever finds one in a file sees whose it is. */
const form = /^shoal_([0-9a-z]{25})_([0-9a-z]{50})$/;

/** A new token's id, what its holder shows (once: it is stored nowhere), and what is stored of it. */
export function makeToken(ids: Ids): { id: string; value: string; hash: string } {
  const id = ids();
  // Two ids are 258 random bits: with so many, a plain hash is as good as a slow one.
  const secret = `${ids()}${ids()}`;
  return { id, value: `shoal_${id}_${secret}`, hash: hashOf(secret) };
}

/** The token that a value is of; undefined when there is none, or its secret is another. Takes as long either way. */
export function findToken(get: (id: string) => Token | undefined, value: string): Token | undefined {
  const [, id = '', secret = ''] = form.exec(value) ?? [];
  const token = get(id);
  const matches = timingSafeEqual(
    Buffer.from(hashOf(secret), 'hex'),
    Buffer.from(token?.hash ?? hashOf(''), 'hex'),
  );
  return matches ? token : undefined;
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
