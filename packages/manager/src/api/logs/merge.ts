/** Lines of one source that were not taken yet; it gives more only when all of them are taken. */
interface Batch<T> {
  readonly items: readonly T[];
  next: number;
  readonly taken: () => void;
}

/** The next of one source. */
interface Head {
  readonly source: string;
  readonly at: number;
  readonly arrived: number;
}

/**
 * Merges sources that are each in order of time (`at`) into one order of time. Holds one batch a source, so that it is
 * bounded. A source that has nothing is waited for, but only so long: what it has later comes late. Times (`now`,
 * `patienceMs`) are milliseconds of a clock that never goes back.
 */
export class Merge<T extends { readonly at: number }> {
  readonly #patienceMs: number;
  readonly #batches = new Map<string, Batch<T>>();
  /** Latest first. */
  readonly #heads: Head[] = [];
  /** Those that have nothing, and until when they are waited for; without those that were waited out. */
  readonly #awaited = new Map<string, number>();
  readonly #sources = new Set<string>();
  #arrivals = 0;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  get sources(): number {
    return this.#sources.size;
  }

  /** Its first item is waited for until then. */
  open(source: string, until: number): void {
    this.#sources.add(source);
    this.#awaited.set(source, until);
  }

  /** Of a source that has nothing; one that is not open ends with it. `taken` is called once the last item is. */
  put(source: string, items: readonly T[], taken: () => void): void {
    const [first] = items;
    if (!first) {
      taken();
      return;
    }
    this.#awaited.delete(source);
    this.#batches.set(source, { items, next: 0, taken });
    this.#insert(source, first.at);
  }

  /** What it has is taken still. */
  close(source: string): void {
    this.#sources.delete(source);
    this.#awaited.delete(source);
  }

  /** The earliest item, once no source is waited for. */
  take(now: number): T | undefined {
    if (this.waitsUntil(now) !== undefined) return undefined;
    const head = this.#heads.pop();
    const batch = head && this.#batches.get(head.source);
    const item = batch?.items[batch.next];
    if (!head || !batch || !item) return undefined;
    const { source } = head;
    batch.next += 1;
    const following = batch.items[batch.next];
    if (following) {
      this.#insert(source, following.at);
    } else {
      this.#batches.delete(source);
      if (this.#sources.has(source)) this.#awaited.set(source, now + this.#patienceMs);
      batch.taken();
    }
    return item;
  }

  /** Until when what is there is held back for sources that have nothing; undefined when nothing is. */
  waitsUntil(now: number): number | undefined {
    if (this.#heads.length === 0) return undefined;
    for (const [source, until] of this.#awaited) {
      if (until > now) return until;
      this.#awaited.delete(source);
    }
    return undefined;
  }

  #insert(source: string, at: number): void {
    const head = { source, at, arrived: ++this.#arrivals };
    let [low, high] = [0, this.#heads.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isEarlier(head, this.#heads[middle] as Head)) low = middle + 1;
      else high = middle;
    }
    this.#heads.splice(low, 0, head);
  }
}

const isEarlier = (a: Head, b: Head): boolean => a.at < b.at || (a.at === b.at && a.arrived < b.arrived);
