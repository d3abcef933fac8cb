/** A binary min-heap whose top may be changed in place. */
export class Heap<T> {
  readonly #items: T[];
  readonly #compare: (a: T, b: T) => number;

  /** Takes `items` over and puts them in order: O(items). */
  constructor(items: T[], compare: (a: T, b: T) => number) {
    this.#items = items;
    this.#compare = compare;
    for (let index = (items.length >> 1) - 1; index >= 0; index--) this.#siftDown(index);
  }

  /** The least item. */
  get top(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#siftUp(this.#items.push(item) - 1);
  }

  pop(): T | undefined {
    const top = this.#items[0];
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return top;
    this.#items[0] = last;
    this.#siftDown(0);
    return top;
  }

  /** Call after the top item has grown. */
  topGrew(): void {
    this.#siftDown(0);
  }

  /** Call after an item has changed that may be anywhere: looks for it among all. */
  changed(item: T): void {
    const index = this.#items.indexOf(item);
    this.#siftUp(index);
    this.#siftDown(index);
  }

  #siftUp(start: number): void {
    const items = this.#items;
    const moving = items[start];
    if (moving === undefined) return;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = items[parent];
      if (above === undefined || this.#compare(above, moving) <= 0) break;
      items[index] = above;
      index = parent;
    }
    items[index] = moving;
  }

  #siftDown(start: number): void {
    const items = this.#items;
    const moving = items[start];
    if (moving === undefined) return;
    let index = start;
    for (;;) {
      let child = 2 * index + 1;
      let least = items[child];
      if (least === undefined) break;
      const right = items[child + 1];
      if (right !== undefined && this.#compare(right, least) < 0) {
        child++;
        least = right;
      }
      if (this.#compare(moving, least) <= 0) break;
      items[index] = least;
      index = child;
    }
    items[index] = moving;
  }
}
