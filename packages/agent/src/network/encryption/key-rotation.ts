import type { Logger } from 'pino';
import { hasEncrypted, type NetworkState } from '../state/index.ts';

/** How long a key serves, more or less; Swarm changes the keys of encrypted networks as often. */
const lifetimeMs = 12 * 60 * 60 * 1_000;
const lookMs = 5_000;

/** A tenth more or less, so that not all hosts change at once. `random`: uniform in [0, 1). */
export const lifetimeOf = (random: number): number => lifetimeMs * (0.9 + 0.2 * random);

export interface KeyView {
  readonly ageMs: number;
  readonly lifetimeMs: number;
  readonly publicKey: string;
  readonly state: NetworkState | undefined;
  /** The manager is there, and tells the other hosts what is new. */
  readonly isTold: boolean;
}

/**
 * Only with the manager there to tell the others, and not before they were told of the last one: until they know the
 * new key, nothing encrypted passes between them and this host.
 */
export const isDue = ({ ageMs, lifetimeMs, publicKey, state, isTold }: KeyView): boolean =>
  ageMs >= lifetimeMs && isTold && state !== undefined && hasEncrypted(state) && state.self.key === publicKey;

export interface KeyRotationOptions {
  readonly view: () => Omit<KeyView, 'ageMs' | 'lifetimeMs'>;
  /** Ms since the epoch. */
  readonly madeAt: () => number;
  /** Resolves when a new key is in use, or could not be put to use yet: the view tells. */
  readonly rotate: () => Promise<void>;
  /** Tells the manager the key in use, if it is another one: every moment until the others know it counts. */
  readonly announce: () => void;
  readonly clock: () => number;
  readonly random: () => number;
  readonly log: Logger;
}

/** Changes this host's WireGuard key when it is old. */
export class KeyRotation {
  readonly #options: KeyRotationOptions;
  readonly #lifetimeMs: number;
  #timer: NodeJS.Timeout | undefined;
  #rotating = false;

  constructor(options: KeyRotationOptions) {
    this.#options = options;
    this.#lifetimeMs = lifetimeOf(options.random());
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), lookMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { view, madeAt, rotate, announce, clock, log } = this.#options;
    // Also while a rotation waits for other parts of the data path: the key itself may be in use by then.
    announce();
    if (this.#rotating) return;
    this.#rotating = true;
    try {
      if (isDue({ ...view(), ageMs: clock() - madeAt(), lifetimeMs: this.#lifetimeMs })) {
        log.info('changing the WireGuard key');
        await rotate();
      }
      announce();
    } catch (error) {
      log.warn({ err: error }, 'the WireGuard key could not be changed, trying again');
    } finally {
      this.#rotating = false;
    }
  }
}
