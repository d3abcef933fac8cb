/** Container events of all hosts that are taken in a second, in the long run. */
const perSecond = 1_000;
/** Of a host, in one message. */
export const mostInBatch = 32;
/** From one message of a host to its next. */
const shortestMs = 100;

/**
 * Keeps what all hosts together tell of their containers within bounds: each says so many, and waits as long as it is told. A
 * host that has little to say waits for a small part of what those wait that have much.
 */
export class Pace {
  /** When all that was taken would have been, at the rate that is kept (ms since the epoch). */
  #doneAt = 0;

  /** Notes that so many were taken; returns for how many ms their host shall say no more. */
  take(count: number, now: number): number {
    this.#doneAt = Math.max(this.#doneAt, now) + (count * 1_000) / perSecond;
    return Math.max(shortestMs, Math.ceil(((this.#doneAt - now) * count) / mostInBatch));
  }
}
