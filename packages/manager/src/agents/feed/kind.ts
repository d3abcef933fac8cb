import type { Sealed } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import type { Commit, Nodes } from './commit.ts';

/** An object that may be another one for these nodes: what it says has changed, or that they need it. */
export interface Touched {
  readonly id: string;
  readonly nodes: Nodes;
  /** Means nothing to them before something else names it: it may come with that, or a while later. */
  readonly canWait?: boolean;
}

/** What the objects of the feed are made of. */
export interface Source {
  readonly view: ReadView;
  /** The task shall stop, but not yet. */
  readonly held: (taskId: string) => boolean;
  /** Nodes that nobody reaches. */
  readonly silent: ReadonlySet<string>;
  /** Opens what is sealed, see `purposes`. Empty where it can't be opened, which is logged. */
  readonly unseal: (purpose: string, sealed: Sealed) => string;
}

/** A kind of object that agents are told of. */
export interface FeedKind<T> {
  /** Its bytes are not kept for others: only one node ever needs an object, or it is not to be kept in the clear. */
  readonly single?: true;
  /** An object can have a mebibyte: it may come some messages after what names it, which has to wait for it. */
  readonly large?: true;
  /** What a commit touches. Naming a node in vain costs a small message, leaving one out is an error. */
  touched(commit: Commit): Iterable<Touched>;
  /** Ids of all that a node needs. */
  all(source: Source, nodeId: string): Iterable<string>;
  /** Whether this is one of them. */
  needs(source: Source, id: string, nodeId: string): boolean;
  /** As it is on the wire, the same for all who need it; undefined when there is none. */
  object(source: Source, id: string): T | undefined;
}

export const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
