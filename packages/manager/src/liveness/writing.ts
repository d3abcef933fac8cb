import type { Logger } from 'pino';

/** While the disk takes nothing, looks go on, but a write is tried only so often, ms. */
const retryMs = 1_000;

/** One write at a time; after one that failed, the next begins no sooner than `retryMs` after that one began. */
export class Writing {
  readonly #log: Logger;
  readonly #what: string;
  #underWay = false;
  #notBefore = Number.NEGATIVE_INFINITY;

  /** `what` is being written, for the log. */
  constructor(log: Logger, what: string) {
    this.#log = log;
    this.#what = what;
  }

  /** Whether a write may begin. */
  isDue(now: number): boolean {
    return !this.#underWay && now >= this.#notBefore;
  }

  begin(now: number, write: () => Promise<unknown>): void {
    this.#underWay = true;
    write()
      .catch((err) => {
        this.#notBefore = now + retryMs;
        this.#log.error({ err }, `could not write ${this.#what}, trying again`);
      })
      .finally(() => {
        this.#underWay = false;
      });
  }
}
