/** Something made of parts. */
export interface Making<T> {
  readonly id: string;
  readonly parts: readonly unknown[];
  readonly make: () => T;
}

interface Made<T> {
  readonly parts: readonly unknown[];
  readonly value: T;
}

/**
 * Values that are made anew only when one of their parts is another object: what is derived from the same objects stays the same
 * object. So does the map of all of them.
 */
export class Kept<T> {
  #made = new Map<string, Made<T>>();
  #values: ReadonlyMap<string, T> = new Map();

  of(all: Iterable<Making<T>>): ReadonlyMap<string, T> {
    const made = new Map<string, Made<T>>();
    let isSame = true;
    for (const { id, parts, make } of all) {
      const known = this.#made.get(id);
      const one = known && areSame(known.parts, parts) ? known : { parts, value: make() };
      if (one !== known) isSame = false;
      made.set(id, one);
    }
    if (isSame && made.size === this.#made.size) return this.#values;
    this.#made = made;
    this.#values = new Map([...made].map(([id, { value }]) => [id, value]));
    return this.#values;
  }
}

const areSame = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((part, index) => part === b[index]);
