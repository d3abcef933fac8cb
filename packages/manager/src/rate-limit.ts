import type { Clock } from './effects.ts';

/** So many requests at once, and so many a second when those are used up. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Clients remembered at most; those that have asked nothing for a while are forgotten first. */
const mostClients = 10_000;

/** A token bucket for each client. */
export class RateLimit {
  readonly #clock: Clock;
  /** When a client's bucket is full again, in ms since the epoch, those who asked last at the end. */
  readonly #fullAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one request of a client; returns the ms after which it may ask again, 0 when it may now. */
  take(client: string, { burst, perSecond }: Rate): number {
    const now = this.#clock();
    const costMs = 1_000 / perSecond;
    const fullAt = Math.max(this.#fullAt.get(client) ?? 0, now) + costMs;
    const waitMs = fullAt - now - burst * costMs;
    if (waitMs > 0) return Math.ceil(waitMs);
    this.#fullAt.delete(client);
    this.#fullAt.set(client, fullAt);
    const [oldest] = this.#fullAt.keys();
    if (this.#fullAt.size > mostClients && oldest !== undefined) this.#fullAt.delete(oldest);
    return 0;
  }

  /** What was taken turned out to count for nothing. */
  giveBack(client: string, { perSecond }: Rate): void {
    const fullAt = this.#fullAt.get(client);
    if (fullAt !== undefined) this.#fullAt.set(client, fullAt - 1_000 / perSecond);
  }
}
