export interface LeaseOptions {
  /** Milliseconds of a clock that never jumps, and does not stand still while the host sleeps. */
  readonly clock: () => number;
  readonly onEnd: () => void;
  /** There is a lease, again or for the first time. */
  readonly onBegin: () => void;
}

/**
 * Until when isolated tasks may run. That it has ended is told once, and before it is renewed even when this process
 * slept through it.
 */
export class Lease {
  readonly #options: LeaseOptions;
  #until = Number.NEGATIVE_INFINITY;
  #over = true;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  get until(): number {
    return this.#until;
  }

  /** An end before the present one was sent earlier, and is ignored. */
  renew(until: number): void {
    this.#look();
    if (until <= this.#until || until <= this.#options.clock()) return;
    this.#until = until;
    this.#wait();
    if (!this.#over) return;
    this.#over = false;
    this.#options.onBegin();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), Math.ceil(this.#until - this.#options.clock()));
  }

  #look(): void {
    if (this.#over) return;
    if (this.#options.clock() < this.#until) {
      this.#wait();
      return;
    }
    this.#over = true;
    clearTimeout(this.#timer);
    this.#options.onEnd();
  }
}
