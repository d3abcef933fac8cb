import { createHash } from 'node:crypto';

/** What somebody asked the API to change, and what came of it. */
export interface Entry {
  /** ISO 8601. */
  readonly at: string;
  readonly user: string;
  readonly role: string;
  /** How that one was known. */
  readonly via: string;
  /** IP address; empty for the socket. */
  readonly from: string;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** What the request named, for what had no name before. */
  readonly name?: string;
  /** Of HTTP. */
  readonly status: number;
}

/** An entry in its place: each says the hash of the one before it. */
export interface Linked extends Entry {
  /** From 1 on. */
  readonly number: number;
  readonly before: string;
  readonly hash: string;
}

/** Where a chain has got to. */
export type Head = Pick<Linked, 'number' | 'hash'>;

export const start: Head = { number: 0, hash: '' };

export function link(head: Head, entry: Entry): Linked {
  const placed = { number: head.number + 1, before: head.hash, ...entry };
  return { ...placed, hash: hashOf(placed) };
}

/** What is wrong with a record that should follow `head`, for people; undefined for nothing. Without a head, any may come first. */
export function flaw(head: Head | undefined, { hash, ...placed }: Linked): string | undefined {
  if (hash !== hashOf(placed)) return `record ${placed.number} was changed`;
  if (!head) return undefined;
  if (placed.number !== head.number + 1) return `record ${placed.number} follows record ${head.number}`;
  return placed.before === head.hash
    ? undefined
    : `record ${head.number}, before record ${placed.number}, was another one`;
}

/** Undefined for a line that is no record. */
export function parseRecord(line: string): Linked | undefined {
  try {
    const record = JSON.parse(line) as Linked;
    return typeof record.number === 'number' && typeof record.hash === 'string' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Of the fields in their order of names, so that it holds for the record and not for how it was written down. */
const hashOf = (placed: object): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(placed).toSorted(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex');
