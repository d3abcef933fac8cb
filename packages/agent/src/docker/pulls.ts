import { Limiter } from '../task/index.ts';

/** Pulls at a time: more share the same line and disk. */
const atATime = 3;
/** Tasks of one service that come one after the other ask the registry once. */
const goodForMs = 30_000;
/** A registry that fails is left alone for a moment, not asked once a task. */
const badForMs = 3_000;

interface Pull {
  /** Why it failed; empty when it did not. */
  readonly result: Promise<string>;
  /** Milliseconds since the epoch; undefined while it is under way. */
  freshUntil?: number;
}

/** Pulls each image only once at a time, however many tasks ask for it. */
export class Pulls {
  readonly #pulls = new Map<string, Pull>();
  readonly #limiter = new Limiter(atATime);
  readonly #pull: (image: string, auth: string) => Promise<string>;
  readonly #clock: () => number;

  /** @param pull resolves with the reason of a failure, empty for none; never rejects */
  constructor(pull: (image: string, auth: string) => Promise<string>, clock: () => number) {
    this.#pull = pull;
    this.#clock = clock;
  }

  /** The reason of a failure, empty for none. When the signal fires the pull goes on for others and later. */
  pull(image: string, auth: string, signal: AbortSignal): Promise<string> {
    const now = this.#clock();
    for (const [key, { freshUntil }] of this.#pulls)
      if (freshUntil !== undefined && freshUntil <= now) this.#pulls.delete(key);
    const key = JSON.stringify([image, auth]);
    const pull = this.#pulls.get(key) ?? this.#begin(key, image, auth);
    return unlessAborted(pull.result, signal);
  }

  #begin(key: string, image: string, auth: string): Pull {
    const pull: Pull = {
      result: this.#limiter
        .run(() => this.#pull(image, auth))
        .then((failure) => {
          pull.freshUntil = this.#clock() + (failure ? badForMs : goodForMs);
          return failure;
        }),
    };
    this.#pulls.set(key, pull);
    return pull;
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
