/** News that did not come by then never will: the kernel drops some when its buffer is full. */
const withinMs = 5_000;

/**
 * Tells news of our own transactions from those of strangers. Each transaction is told once and in the kernel's
 * order, but whose it was is not. So they are counted: with as many told as were made, all may be ours. A stranger's
 * in between is taken for ours at first, and then one of ours for his: never less than one look follows it.
 */
export class OwnNews {
  /** Until when news of each own transaction may come, oldest first. */
  readonly #expected: number[] = [];

  /** Before each own transaction. `now` in ms of any clock that never goes back. */
  expect(now: number): void {
    this.#expected.push(now + withinMs);
  }

  /** The newest one failed: nothing will be told of it. */
  failed(): void {
    this.#expected.pop();
  }

  /** A transaction on our table was told of. */
  isOwn(now: number): boolean {
    while (this.#expected[0] !== undefined && this.#expected[0] < now) this.#expected.shift();
    return this.#expected.shift() !== undefined;
  }
}
