import { Change, encodeObject, type Kind, kindNames } from '@shoal/proto';
import type { Commit } from './commit.ts';
import type { Source, Touched } from './kind.ts';
import { feedKinds } from './table.ts';

/** Ids by kind. */
export type Ids = Map<Kind, Set<string>>;

/** Of what is large, a message has no more than about so much: beats wait behind each. */
const mostLargeBytes = 256 * 1024;

/** What agents are told, encoded. What many are told is encoded once, for as long as nothing touches it. */
export class Feed {
  readonly #source: Source;
  readonly #encoded = new Map<Kind, Map<string, Buffer>>(kindNames.map((kind) => [kind, new Map()]));

  constructor(source: Source) {
    this.#source = source;
  }

  /** What a commit touches, and for which nodes. */
  *touched(commit: Commit): Iterable<Touched & { kind: Kind }> {
    for (const kind of kindNames)
      for (const touched of feedKinds[kind].touched(commit)) yield { kind, ...touched };
  }

  /** The object may be another one now. */
  forget(kind: Kind, id: string): void {
    this.#encoded.get(kind)?.delete(id);
  }

  /**
   * Takes objects out of `touched`: all that are not large, and of these some, if they may be among them. Those that the node needs, as they are now; and that it
   * does not need the others.
   */
  take(nodeId: string, touched: Ids, mayLarge: boolean): Buffer[] {
    const changes: Buffer[] = [];
    let largeBytes = 0;
    for (const [kind, ids] of touched) {
      for (const id of ids) {
        if (feedKinds[kind].large && (!mayLarge || largeBytes >= mostLargeBytes)) break;
        ids.delete(id);
        const needed = feedKinds[kind].needs(this.#source, id, nodeId);
        const bytes = (needed && this.#present(kind, id)) || bytesOf({ kind, id });
        changes.push(bytes);
        if (feedKinds[kind].large) largeBytes += bytes.length;
      }
      if (ids.size === 0) touched.delete(kind);
    }
    return changes;
  }

  /** All that the node needs, but for what is large. */
  everything(nodeId: string): Buffer[] {
    const changes: Buffer[] = [];
    for (const kind of kindNames) {
      if (feedKinds[kind].large) continue;
      for (const id of feedKinds[kind].all(this.#source, nodeId)) {
        const bytes = this.#present(kind, id);
        if (bytes) changes.push(bytes);
      }
    }
    return changes;
  }

  /** What is large of that. */
  *everythingLarge(nodeId: string): Iterable<[Kind, Set<string>]> {
    for (const kind of kindNames) {
      const ids = feedKinds[kind].large
        ? new Set(feedKinds[kind].all(this.#source, nodeId))
        : new Set<string>();
      if (ids.size > 0) yield [kind, ids];
    }
  }

  #present(kind: Kind, id: string): Buffer | undefined {
    const encoded = this.#encoded.get(kind);
    const known = encoded?.get(id);
    if (known) return known;
    const { object, single } = feedKinds[kind];
    const found = object(this.#source, id);
    if (found === undefined) return undefined;
    const bytes = bytesOf({ kind, id, object: encodeObject(kind, found) });
    if (!single) encoded?.set(id, bytes);
    return bytes;
  }
}

/** Small ones share a block of memory. */
const bytesOf = (change: Change): Buffer => Buffer.from(Change.encode(change).finish());
