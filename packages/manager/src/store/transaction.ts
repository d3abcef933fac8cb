import { isoTime } from '../effects.ts';
import { OutOfSequenceError, StoreError } from './errors.ts';
import type { Stored, Table, TableReader } from './table.ts';
import {
  type IndexOf,
  makeTables,
  type Objects,
  type ReadView,
  type TableName,
  type Tables,
  tableNames,
} from './tables.ts';

/** What is given to create an object; the store adds version and times. */
export type NewObject<T> = Omit<T, 'Version' | 'CreatedAt' | 'UpdatedAt'>;

/** A table inside a transaction: reads see the transaction's own writes. */
export class TxTable<T extends Stored, I extends string> implements TableReader<T, I> {
  readonly #base: TableReader<T, I>;
  readonly #written: Table<T, I>;
  readonly #removed = new Set<string>();
  readonly #name: TableName;
  readonly #revision: number;
  readonly #now: string;

  constructor(base: TableReader<T, I>, written: Table<T, I>, name: TableName, revision: number, now: string) {
    this.#base = base;
    this.#written = written;
    this.#name = name;
    this.#revision = revision;
    this.#now = now;
  }

  get size(): number {
    let size = this.#base.size - this.#removed.size;
    for (const { ID } of this.#written.all()) if (!this.#base.get(ID)) size++;
    return size;
  }

  get(id: string): T | undefined {
    return this.#written.get(id) ?? (this.#removed.has(id) ? undefined : this.#base.get(id));
  }

  *all(): Iterable<T> {
    yield* this.#written.all();
    for (const object of this.#base.all()) if (this.#untouched(object.ID)) yield object;
  }

  by(index: I, key: string): T[] {
    const hits = this.#base.by(index, key).filter(({ ID }) => this.#untouched(ID));
    return hits.concat(this.#written.by(index, key));
  }

  /** Adds an object. Throws StoreError when the id is taken. */
  create(object: NewObject<T>): T {
    const id = (object as { ID: string }).ID;
    if (this.get(id)) throw new StoreError(`${this.#name} ${id} exists already`);
    return this.#write({ ...object, CreatedAt: this.#now } as unknown as T);
  }

  /** Replaces an object. Throws OutOfSequenceError unless `object` derives from the present one. */
  update(object: T): T {
    const present = this.get(object.ID);
    if (!present) throw new StoreError(`${this.#name} ${object.ID} does not exist`);
    if (present.Version.Index !== object.Version.Index) throw new OutOfSequenceError(this.#name, object.ID);
    return this.#write(object);
  }

  /** Removes an object; does nothing if there is none. */
  remove(id: string): void {
    this.#written.delete(id);
    if (this.#base.get(id)) this.#removed.add(id);
  }

  /** Takes an object as another transaction wrote it. */
  keep(object: T): void {
    this.#removed.delete(object.ID);
    this.#written.put(object);
  }

  /** What differs in the end, for the store to commit. */
  *changes(): Iterable<{ id: string; before: T | undefined; after: T | undefined }> {
    for (const after of this.#written.all()) yield { id: after.ID, before: this.#base.get(after.ID), after };
    for (const id of this.#removed) yield { id, before: this.#base.get(id), after: undefined };
  }

  #write(object: T): T {
    const written = { ...object, Version: { Index: this.#revision }, UpdatedAt: this.#now };
    this.keep(written);
    return written;
  }

  #untouched(id: string): boolean {
    return !this.#removed.has(id) && !this.#written.get(id);
  }
}

export type Tx = { readonly [N in TableName]: TxTable<Objects[N], IndexOf<N>> } & {
  /** The version of what is written here. */
  readonly revision: number;
};

/** Reads as `base`, with what is written here; `base` itself stays as it is, until the store commits this. */
export function beginTransaction(base: ReadView, revision: number, nowMs: number): Tx {
  const written: Tables = makeTables();
  const now = isoTime(nowMs);
  const tx: Record<string, unknown> = { revision };
  for (const name of tableNames) {
    tx[name] = new TxTable<Stored, string>(
      base[name] as TableReader<Stored, string>,
      written[name] as unknown as Table<Stored, string>,
      name,
      revision,
      now,
    );
  }
  return tx as unknown as Tx;
}
