/** Wait after a failure, doubled each time. */
const firstRetryMs = 250;
const lastRetryMs = 10_000;

/**
 * Runs one piece of work again whenever asked, never twice at a time: requests that come while it runs are
 * answered by one more run. After a failure it tries again by itself.
 */
export class Runner {
  readonly #work: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #asked: PromiseWithResolvers<void>[] = [];
  #due = false;
  #running = false;
  #retryMs = firstRetryMs;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(work: () => Promise<void>, onError: (error: unknown) => void) {
    this.#work = work;
    this.#onError = onError;
  }

  /** Resolves when a run that began after this call has succeeded; rejects when the runner is closed before. */
  run(): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    const request = Promise.withResolvers<void>();
    this.#asked.push(request);
    this.hint();
    return request.promise;
  }

  /** Asks for a run without waiting for it. */
  hint(): void {
    this.#due = true;
    if (!this.#running && !this.#closed) void this.#drain();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { promise, reject } of this.#asked.splice(0)) {
      promise.catch(() => {});
      reject(closed());
    }
  }

  async #drain(): Promise<void> {
    this.#running = true;
    clearTimeout(this.#timer);
    while (this.#due && !this.#closed) {
      this.#due = false;
      const answered = this.#asked;
      this.#asked = [];
      try {
        await this.#work();
        this.#retryMs = firstRetryMs;
        for (const { resolve } of answered) resolve();
      } catch (error) {
        this.#asked = [...answered, ...this.#asked];
        this.#onError(error);
        if (!this.#due) this.#retryLater();
      }
    }
    this.#running = false;
    if (this.#closed) this.close();
  }

  #retryLater(): void {
    this.#timer = setTimeout(() => this.hint(), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, lastRetryMs);
  }
}

const closed = () => new Error('the data path was closed');
