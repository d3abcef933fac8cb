import type { Logger } from 'pino';

/** What keeps the networks from working on this host. The same trouble comes with every try: it is said once. */
export class Troubles {
  readonly #log: Logger;
  readonly #open = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** `what` is about to go wrong, in words for the log. */
  note(what: string, error: unknown): void {
    const trouble = error instanceof Error ? error.message : String(error);
    if (this.#open.get(what) !== trouble) this.#log.warn({ err: error }, what);
    this.#open.set(what, trouble);
  }

  clear(what: string): void {
    this.#open.delete(what);
  }

  /** Does the work; if it fails, says so and gives `otherwise`, so that the rest need not wait for it. */
  async attempt<T>(what: string, work: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      const result = await work();
      this.clear(what);
      return result;
    } catch (error) {
      this.note(what, error);
      return otherwise;
    }
  }

  /** In words for people; empty when all is well. */
  get text(): string {
    return [...this.#open.values()].join('; ');
  }
}
