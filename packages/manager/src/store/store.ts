import type { Clock } from '../effects.ts';
import { checkOwners, type Writer } from './owners.ts';
import type { Stored } from './table.ts';
import {
  makeTables,
  type Objects,
  type ReadView,
  type TableName,
  type Tables,
  tableNames,
} from './tables.ts';
import { beginTransaction, type Tx } from './transaction.ts';

/** One object created (no `before`), updated, or removed (no `after`). */
export type Change = {
  [N in TableName]: { table: N; id: string; before: Objects[N] | undefined; after: Objects[N] | undefined };
}[TableName];

/** All changes of one transaction. */
export interface ChangeBatch {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** Where committed state survives the process. */
export interface Backend {
  /** All objects, and the revision of the newest commit. Called once, before anything else. */
  load(): Promise<{ revision: number; objects: Iterable<{ table: string; object: Stored }> }>;
  /** Returns when the batch is durable, all of it or (on an error) nothing of it. */
  commit(batch: ChangeBatch): Promise<void>;
  close(): Promise<void>;
}

export type Listener = (batch: ChangeBatch) => void;

/**
 * The manager's only shared state: immutable objects in memory, durable before visible.
 * Loops never call each other; they read `view`, write by `update`, and watch.
 */
export class Store {
  readonly #tables: Tables;
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #listeners = new Set<Listener>();
  #revision: number;
  #queue: Promise<unknown> = Promise.resolve();

  static async open(backend: Backend, clock: Clock): Promise<Store> {
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
    return new Store(tables, backend, revision, clock);
  }

  private constructor(tables: Tables, backend: Backend, revision: number, clock: Clock) {
    this.#tables = tables;
    this.#backend = backend;
    this.#revision = revision;
    this.#clock = clock;
  }

  /** The committed state, always current; never keep it across an `await` and expect it unchanged. */
  get view(): ReadView {
    return this.#tables;
  }

  /** Number of the newest transaction. Objects written by it carry it as their version. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Runs `change` as one atomic transaction, after all those asked for before. It must be synchronous
   * and free of effects: when it throws, nothing is changed. Resolves with its result once the writes
   * are durable and visible and every listener has seen them. `writer` says who it is, and is held to what it owns:
   * rejects with OwnerError when it changed a part of another's. Only tests leave it out.
   */
  update<R>(change: (tx: Tx) => R, writer?: Writer): Promise<R> {
    const run = this.#queue.then(() => this.#commit(change, writer));
    this.#queue = run.catch(() => undefined);
    return run;
  }

  /** Calls `listener` after every transaction, in order. Returns the function that ends it. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Waits for the transactions already asked for, then lets go of the backend. */
  async close(): Promise<void> {
    await this.#queue;
    await this.#backend.close();
  }

  async #commit<R>(change: (tx: Tx) => R, writer: Writer | undefined): Promise<R> {
    const revision = this.#revision + 1;
    const tx = beginTransaction(this.#tables, revision, this.#clock());
    const result = change(tx);
    const changes: Change[] = [];
    for (const table of tableNames) {
      for (const row of tx[table].changes()) changes.push({ table, ...row } as Change);
    }
    if (changes.length === 0) return result;
    if (writer) checkOwners(writer, changes);
    const batch = { revision, changes };
    await this.#backend.commit(batch);
    this.#apply(batch);
    return result;
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
