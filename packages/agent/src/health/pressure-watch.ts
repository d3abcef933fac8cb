import type { Pressure } from '@shoal/proto';
import type { Logger } from 'pino';
import { assess, type Pressures, type Reading } from './pressure.ts';

/** Costs less than a thousandth of a core. */
const everyMs = 2_000;

export interface PressureWatchOptions {
  /** Never rejects. */
  readonly sample: () => Promise<readonly Reading[]>;
  readonly onChange: () => void;
  readonly log: Logger;
}

/** Keeps what the host is short of up to date, and says when that changed. */
export class PressureWatch {
  readonly #options: PressureWatchOptions;
  #held: Pressures = new Map();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PressureWatchOptions) {
    this.#options = options;
  }

  get pressures(): Pressure[] {
    return [...this.#held.values()].map(({ kind, message }) => ({ kind, message }));
  }

  /** The first look; the next ones follow, each some time after the one before has ended. */
  async look(): Promise<void> {
    const before = JSON.stringify(this.pressures);
    this.#held = assess(this.#held, await this.#options.sample(), performance.now());
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.look(), everyMs);
    if (JSON.stringify(this.pressures) === before) return;
    const messages = this.pressures.map(({ message }) => message);
    if (messages.length > 0) this.#options.log.warn({ messages }, 'host under pressure');
    else this.#options.log.info('host no longer under pressure');
    this.#options.onChange();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
