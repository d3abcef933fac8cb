interface Entry {
  readonly at: number;
  /** How many were added before it. */
  readonly number: number;
  readonly act: () => void;
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.number < b.number);

/** What is to happen, in the order of time, and of asking. A binary heap: thousands of hosts have thousands of plans. */
export class Agenda {
  readonly #heap: Entry[] = [];
  #added = 0;

  add(at: number, act: () => void): void {
    const entry = { at, number: this.#added++, act };
    let place = this.#heap.push(entry) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent];
      if (!above || isBefore(above, entry)) break;
      this.#heap[place] = above;
      place = parent;
    }
    this.#heap[place] = entry;
  }

  take(): Entry | undefined {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    if (!first || !last || first === last) return first;
    let place = 0;
    for (;;) {
      const [left, right] = [this.#heap[2 * place + 1], this.#heap[2 * place + 2]];
      const below = right && left && isBefore(right, left) ? right : left;
      if (!below || isBefore(last, below)) break;
      this.#heap[place] = below;
      place = 2 * place + (below === left ? 1 : 2);
    }
    this.#heap[place] = last;
    return first;
  }
}
