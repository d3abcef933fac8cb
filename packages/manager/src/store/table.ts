/** An object the store can hold. Objects are immutable: a change is a new object. */
export interface Stored {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
}

/** Name of an index → the keys under which an object is found in it (none, one or several). */
export type Indices<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

export interface TableReader<T extends Stored, I extends string = string> {
  readonly size: number;
  get(id: string): T | undefined;
  /** All objects, in no particular order. */
  all(): Iterable<T>;
  /** Objects found in `index` under `key`. Its cost follows their number. */
  by(index: I, key: string): T[];
}

/** Objects by id, with indices kept up to date on every change. */
export class Table<T extends Stored, I extends string = string> implements TableReader<T, I> {
  readonly #objects = new Map<string, T>();
  readonly #indices: readonly {
    name: string;
    keysOf: (object: T) => readonly string[];
    ids: Map<string, Set<string>>;
  }[];

  constructor(indices: Indices<T>) {
    this.#indices = Object.entries(indices).map(([name, keysOf]) => ({ name, keysOf, ids: new Map() }));
  }

  get size(): number {
    return this.#objects.size;
  }

  get(id: string): T | undefined {
    return this.#objects.get(id);
  }

  all(): Iterable<T> {
    return this.#objects.values();
  }

  by(index: I, key: string): T[] {
    const ids = this.#indices.find(({ name }) => name === index)?.ids.get(key);
    if (!ids) return [];
    const hits: T[] = [];
    for (const id of ids) {
      const object = this.#objects.get(id);
      if (object) hits.push(object);
    }
    return hits;
  }

  put(object: T): void {
    const before = this.#objects.get(object.ID);
    this.#objects.set(object.ID, object);
    for (const { keysOf, ids } of this.#indices) {
      const [was, is] = [before ? keysOf(before) : none, keysOf(object)];
      // Most changes leave an object where it is found.
      if (isSame(was, is)) continue;
      for (const key of was) drop(ids, key, object.ID);
      for (const key of is) {
        const set = ids.get(key);
        if (set) set.add(object.ID);
        else ids.set(key, new Set([object.ID]));
      }
    }
  }

  delete(id: string): void {
    const object = this.#objects.get(id);
    if (!object) return;
    this.#objects.delete(id);
    for (const { keysOf, ids } of this.#indices) for (const key of keysOf(object)) drop(ids, key, id);
  }
}

const none: readonly string[] = [];

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((key, index) => key === b[index]);

function drop(ids: Map<string, Set<string>>, key: string, id: string): void {
  const set = ids.get(key);
  set?.delete(id);
  if (set?.size === 0) ids.delete(key);
}
