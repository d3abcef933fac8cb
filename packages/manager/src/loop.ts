import type { Logger } from 'pino';
import type { Clock } from './effects.ts';

/** How long a loop waits after a failed round before it tries the same keys again. */
const retryAfterMs = 1_000;
/** The longest delay a Node timer can hold. */
const longestTimerMs = 2 ** 31 - 1;

export interface LoopOptions {
  /**
   * One round: bring the things named by `keys` where they should be, in one transaction if it can.
   * May return when to look at a key again although nothing changes (milliseconds since the epoch).
   */
  readonly act: (keys: ReadonlySet<string>, now: number) => Promise<ReadonlyMap<string, number> | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Marks that arrive within this time are handled in one round, which waits for them. */
  readonly gatherMs?: number;
  /** From the start of one round to the next: a mark after a rest is handled at once, those of a crowd together. */
  readonly paceMs?: number;
}

/**
 * Runs rounds over dirty keys, one round at a time. Marks are only hints: a round looks at the present
 * state, so that a hundred changes of one service cost one round, not a hundred.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #dirty = new Set<string>();
  readonly #wakeUps = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #round: Promise<void> | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** `at`: not before then (milliseconds since the epoch). */
  mark(key: string, at = 0): void {
    if (this.#closed) return;
    if (at > this.#options.clock()) {
      this.#wakeUps.set(key, Math.min(at, this.#wakeUps.get(key) ?? at));
      this.#arm(at);
      return;
    }
    this.#dirty.add(key);
    this.#armForMarks();
  }

  /** Ends after the round under way. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  #armForMarks(): void {
    const { clock, gatherMs = 0, paceMs = 0 } = this.#options;
    this.#arm(Math.max(clock() + gatherMs, this.#startedAt + paceMs));
  }

  #arm(at: number): void {
    if (this.#closed || this.#round || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const delay = Math.min(Math.max(0, at - this.#options.clock()), longestTimerMs);
    this.#timer = setTimeout(() => this.#start(), delay);
  }

  #start(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#options.clock();
    this.#startedAt = now;
    for (const [key, at] of this.#wakeUps) if (at <= now) this.#dirty.add(key);
    const keys = new Set(this.#dirty);
    this.#dirty.clear();
    for (const key of keys) this.#wakeUps.delete(key);
    this.#round = this.#run(keys, now).finally(() => {
      this.#round = undefined;
      const next = Math.min(...this.#wakeUps.values());
      if (this.#dirty.size > 0) this.#armForMarks();
      else if (Number.isFinite(next)) this.#arm(next);
    });
  }

  async #run(keys: ReadonlySet<string>, now: number): Promise<void> {
    if (keys.size === 0) return;
    try {
      const wakeUps = await this.#options.act(keys, now);
      for (const [key, at] of wakeUps ?? []) this.#wakeUps.set(key, at);
    } catch (error) {
      // Its manager leads no more.
      if (this.#closed) return;
      this.#options.log.error({ err: error, keys: keys.size }, 'round failed, trying again');
      const at = this.#options.clock() + retryAfterMs;
      for (const key of keys) this.#wakeUps.set(key, at);
    }
  }
}
