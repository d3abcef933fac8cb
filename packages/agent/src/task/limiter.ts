interface Waiting {
  readonly enter: () => void;
  readonly urgent: boolean;
}

/** Lets a few pieces of work through at a time: urgent ones first, else in order of arrival. */
export class Limiter {
  readonly #waiting: Waiting[] = [];
  #free: number;

  constructor(slots: number) {
    this.#free = slots;
  }

  /** Rejects with the signal's reason when it fires before the work began. */
  async run<T>(
    work: () => Promise<T>,
    { signal, urgent = false }: { signal?: AbortSignal; urgent?: boolean } = {},
  ): Promise<T> {
    await this.#enter(urgent, signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #enter(urgent: boolean, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        urgent,
        enter: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      const firstCalm = urgent ? this.#waiting.findIndex((other) => !other.urgent) : -1;
      this.#waiting.splice(firstCalm < 0 ? this.#waiting.length : firstCalm, 0, entry);
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.enter();
    else this.#free += 1;
  }
}
