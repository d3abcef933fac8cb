import type { Clock } from '../effects.ts';
import type { Change, ChangeBatch } from './change.ts';
import { NotLeadingError, NotWrittenError } from './errors.ts';
import { checkOwners, type Writer } from './owners.ts';
import type { Stored } from './table.ts';
import { makeTables, type ReadView, type TableName, type Tables, tableNames } from './tables.ts';
import { beginTransaction, type Tx } from './transaction.ts';

/**
 * How a commit ended. **done**: durable, all of it. **fenced**: another leads, and nothing was written. **unknown**: the
 * answer was lost; what is on disk may be the state before or after. **refused**: nothing was written, for a reason
 * that says nothing about who leads (a full disk), and the next commit may succeed.
 */
export type Outcome = 'done' | 'fenced' | 'unknown' | { readonly refused: string };

/** Where committed state survives the process. */
export interface Backend {
  /** All objects, and the revision of the newest commit. Called once, before anything else. */
  load(): Promise<{ revision: number; objects: Iterable<{ table: string; object: Stored }> }>;
  /** Makes batches durable, all of them or none. Not called again before it has ended; when it rejects, that is `unknown`. */
  commit(batches: readonly ChangeBatch[]): Promise<Outcome>;
  /** Writes all that is committed, as of one moment, to an SQLite file for its owner alone. Rejects when it could not be written. */
  copyTo(path: string): Promise<void>;
  /** Leaves nothing in its files of what was replaced or removed before. What it can't do now, the next start does. */
  purge(): Promise<void>;
  close(): Promise<void>;
}

export type Listener = (batch: ChangeBatch) => void;

/**
 * Writes what follows from the changes of a transaction into the same one; true when there was something. `nowMs` is the
 * store's clock. It must be synchronous and free of effects.
 */
export type Derive = (tx: Tx, changes: readonly Change[], nowMs: number) => boolean;

/** An update that was asked for and has not begun. */
interface Waiting {
  readonly change: (tx: Tx) => unknown;
  readonly onView: boolean;
  readonly writer: Writer | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export const nothing: Derive = () => false;

interface Loaded {
  readonly tables: Tables;
  readonly revision: number;
}

/** Why a store takes no updates any more. */
export type Ended = 'fenced' | 'unknown' | 'closed';

/**
 * The manager's only shared state: immutable objects in memory, durable before visible.
 * Loops never call each other; they read `view`, write by `update`, and watch.
 *
 * Updates asked for while a commit is under way share the next one: each is a transaction with a revision of its own,
 * and sees what those before it wrote; none of it is visible to readers before all of it is durable.
 */
export class Store {
  readonly #tables: Tables;
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #derive: Derive;
  readonly #listeners = new Set<Listener>();
  readonly #ended = Promise.withResolvers<Ended>();
  #revision: number;
  #waiting: Waiting[] = [];
  #work: Promise<void> | undefined;
  #why: Ended | undefined;

  static async open(backend: Backend, clock: Clock, derive = nothing): Promise<Store> {
    return new Store(await Store.load(backend), backend, clock, derive);
  }

  protected static async load(backend: Backend): Promise<Loaded> {
    const tables = makeTables();
    const { revision, objects } = await backend.load();
    for (const { table, object } of objects) {
      if (!tableNames.includes(table as TableName)) {
        throw new Error(
          `the state has a table "${table}" that this version does not know; was it written by a newer one?`,
        );
      }
      (tables[table as TableName] as { put(object: Stored): void }).put(object);
    }
    return { tables, revision };
  }

  protected constructor({ tables, revision }: Loaded, backend: Backend, clock: Clock, derive: Derive) {
    this.#tables = tables;
    this.#backend = backend;
    this.#revision = revision;
    this.#clock = clock;
    this.#derive = derive;
  }

  /** The committed state, always current: after an `await` it may be another one. */
  get view(): ReadView {
    return this.#tables;
  }

  /** Number of the newest transaction. Objects written by it carry it as their version. */
  get revision(): number {
    return this.#revision;
  }

  /** Resolves when this store takes no more updates. Unless it was closed, only loading again tells what is stored. */
  get ended(): Promise<Ended> {
    return this.#ended.promise;
  }

  /**
   * Runs `change` as one atomic transaction, after all those asked for before. It must be synchronous
   * and free of effects: when it throws, nothing of it is changed. Resolves with its result once the writes
   * are durable and visible and every listener has seen them. Rejects with what `change` threw; with
   * NotWrittenError when the backend could not take the writes; with NotLeadingError when the store is over.
   * `writer` says who it is, and is held to what it owns: rejects with OwnerError when it changed a part of another's.
   */
  update<R>(change: (tx: Tx) => R, writer: Writer): Promise<R> {
    return this.ask(change, false, writer);
  }

  /** As `update`, but `change` begins with exactly what `view` shows: for whoever keeps a picture of it by watching. */
  updateOnView<R>(change: (tx: Tx) => R, writer: Writer): Promise<R> {
    return this.ask(change, true, writer);
  }

  /** Calls `listener` after every transaction, in order. Returns the function that ends it. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A copy of what is stored, see `Backend`. Commits wait meanwhile. */
  copyTo(path: string): Promise<void> {
    return this.#backend.copyTo(path);
  }

  /** After secrets were sealed anew, see `Backend`. */
  purge(): Promise<void> {
    return this.#backend.purge();
  }

  /** Takes no more updates, waits for those already asked for, then lets go of the backend. */
  async close(): Promise<void> {
    this.#end('closed');
    await this.#work;
    await this.#backend.close();
  }

  /** Without a writer whoever asks owns all there is, which only tests do (`TestStore`). */
  protected ask<R>(change: (tx: Tx) => R, onView: boolean, writer: Writer | undefined): Promise<R> {
    if (this.#why) return Promise.reject(new NotLeadingError(this.#why, true));
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    this.#waiting.push({ change, onView, writer, resolve: resolve as (result: unknown) => void, reject });
    this.#work ??= this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    // Updates asked for at the same moment share a commit.
    await undefined;
    while (this.#waiting.length > 0) await this.#commit(this.#takeGroup());
    this.#work = undefined;
  }

  /** All waiting updates, up to the next one that must begin with what is visible. */
  #takeGroup(): Waiting[] {
    const next = this.#waiting.findIndex(({ onView }, index) => onView && index > 0);
    return this.#waiting.splice(0, next === -1 ? this.#waiting.length : next);
  }

  /** No update is answered before the group is durable: even one that wrote nothing, or threw, has read what the others wrote. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    const together = new Together(this.#tables, this.#revision, this.#clock(), this.#derive);
    const runs = group.map(({ change, writer }) => together.run(change, writer));
    const batches = runs.flatMap(({ batch }) => batch ?? []);
    const outcome =
      batches.length === 0 ? 'done' : await this.#backend.commit(batches).catch(() => 'unknown' as const);
    if (outcome !== 'done') return this.#fail(group, outcome);
    for (const [index, { batch, result, error }] of runs.entries()) {
      const one = group[index];
      try {
        if (batch) this.#apply(batch);
        if (error) one?.reject(error.thrown);
        else one?.resolve(result);
      } catch (listenerError) {
        one?.reject(listenerError);
      }
    }
  }

  #fail(group: readonly Waiting[], outcome: Exclude<Outcome, 'done'>): void {
    if (typeof outcome === 'object') {
      for (const { reject } of group) reject(new NotWrittenError(outcome.refused));
      return;
    }
    this.#end(outcome);
    for (const { reject } of group) reject(new NotLeadingError(outcome, outcome === 'fenced'));
    for (const { reject } of this.#waiting.splice(0)) reject(new NotLeadingError(outcome, true));
  }

  #end(why: Ended): void {
    this.#why ??= why;
    this.#ended.resolve(this.#why);
  }

  #apply(batch: ChangeBatch): void {
    this.#revision = batch.revision;
    for (const { table, id, after } of batch.changes) {
      if (after) (this.#tables[table] as { put(object: Stored): void }).put(after);
      else this.#tables[table].delete(id);
    }
    for (const listener of [...this.#listeners]) listener(batch);
  }
}

interface Run {
  readonly batch?: ChangeBatch;
  readonly result?: unknown;
  readonly error?: { readonly thrown: unknown };
}

function changesOf(tx: Tx): Change[] {
  const changes: Change[] = [];
  for (const table of tableNames) {
    for (const row of tx[table].changes()) changes.push({ table, ...row } as Change);
  }
  return changes;
}

/** Transactions of one group: each begins with what those before it wrote. */
class Together {
  readonly #now: number;
  readonly #derive: Derive;
  #base: ReadView;
  #written: Tx | undefined;
  #revision: number;

  constructor(base: ReadView, revision: number, now: number, derive: Derive) {
    this.#derive = derive;
    this.#base = base;
    this.#revision = revision;
    this.#now = now;
  }

  run(change: (tx: Tx) => unknown, writer: Writer | undefined): Run {
    const tx = beginTransaction(this.#base, this.#revision + 1, this.#now);
    try {
      const result = change(tx);
      let changes = changesOf(tx);
      if (changes.length === 0) return { result };
      if (writer) checkOwners(writer, changes);
      if (this.#derive(tx, changes, this.#now)) changes = changesOf(tx);
      this.#revision++;
      this.#keep(tx, changes);
      return { result, batch: { revision: this.#revision, changes } };
    } catch (thrown) {
      return { error: { thrown } };
    }
  }

  #keep(tx: Tx, changes: readonly Change[]): void {
    if (!this.#written) {
      this.#written = tx;
      this.#base = tx;
      return;
    }
    for (const { table, id, after } of changes) {
      if (after) (this.#written[table] as { keep(object: Stored): void }).keep(after);
      else this.#written[table].remove(id);
    }
  }
}
