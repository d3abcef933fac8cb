/** News that did not come by then never will: the kernel drops some when its buffer is full. */
const withinMs = 5_000;

/**
 * Tells our own transactions from those of others. The kernel reports each transaction once and in order, but not whose it
 * was. So they are counted: when as many are reported as we made, all may be ours. If
 * another's comes in between, it is taken for ours at first, and then one of ours for the other's: so a look follows in any case.
 */
export class OwnNews {
  /** Until when news of each own transaction may come, oldest first. */
  readonly #expected: number[] = [];

  /** Own transactions whose news is still to come: no more than are made within 5 s. */
  get size(): number {
    return this.#expected.length;
  }

  /** Before each own transaction. `now` in ms of any clock that never goes back. */
  expect(now: number): void {
    // Here too: where nft can't report, `isOwn` is never called.
    this.#forget(now);
    this.#expected.push(now + withinMs);
  }

  /** The newest one failed: nothing will be told of it. */
  failed(): void {
    this.#expected.pop();
  }

  /** To be asked for each transaction on our table that the kernel tells of: whether it may be our own. */
  isOwn(now: number): boolean {
    this.#forget(now);
    return this.#expected.shift() !== undefined;
  }

  /** Drops what did not come in time. */
  #forget(now: number): void {
    while (this.#expected[0] !== undefined && this.#expected[0] < now) this.#expected.shift();
  }
}
