import type { Clock } from '../effects.ts';
import { type Rate, RateLimit } from '../rate-limit.ts';

/** What connections may have that have not shown yet who they are. A source is an address, or who counts as one. */
export interface HandshakeLimits {
  /** Handshakes under way at a time. */
  readonly most: number;
  readonly mostOfSource: number;
  /** Connections that wait for theirs; more are turned away. */
  readonly mostWaiting: number;
  readonly mostWaitingOfSource: number;
  /** Handshakes of one source that no node came from. */
  readonly rate: Rate;
  /** Who has waited for so long has given up, ms. */
  readonly patienceMs: number;
}

/** Agents of one site may have one address, and all come at once. A handshake costs about 2 ms. */
export const handshakeLimits: HandshakeLimits = {
  most: 512,
  mostOfSource: 32,
  mostWaiting: 8_192,
  mostWaitingOfSource: 2_048,
  rate: { burst: 1_000, perSecond: 100 },
  // Then an agent has given up.
  patienceMs: 5_000,
};

interface Waiting<C> {
  readonly connection: C;
  readonly since: number;
}

/** Connections whose handshakes begin now, those that waited too long, and when to ask again though nothing happened, ms. */
export interface Turn<C> {
  readonly begin: readonly C[];
  readonly late: readonly C[];
  readonly againMs: number | undefined;
}

/**
 * Whose handshake is next. Sources take turns: who opens thousands of connections waits behind those, and others do not.
 * No I/O.
 */
export class Handshakes<C extends { readonly source: string }> {
  readonly #limits: HandshakeLimits;
  readonly #clock: Clock;
  readonly #rate: RateLimit;
  readonly #underWay = new Map<string, number>();
  #allUnderWay = 0;
  /** By source; the one whose turn is next comes first. */
  readonly #waiting = new Map<string, Waiting<C>[]>();
  #allWaiting = 0;

  constructor(limits: HandshakeLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#rate = new RateLimit(clock);
  }

  /** False when too many wait already. */
  wait(connection: C): boolean {
    const { mostWaiting, mostWaitingOfSource } = this.#limits;
    const { source } = connection;
    const queue = this.#waiting.get(source) ?? [];
    if (this.#allWaiting >= mostWaiting || queue.length >= mostWaitingOfSource) return false;
    queue.push({ connection, since: this.#clock() });
    this.#waiting.set(source, queue);
    this.#allWaiting++;
    return true;
  }

  next(): Turn<C> {
    const { most, mostOfSource, rate } = this.#limits;
    const begin: C[] = [];
    const late: C[] = [];
    let againMs: number | undefined;
    // A source whose turn it was goes to the end, where this comes by again.
    for (const [source, queue] of this.#waiting) {
      late.push(...this.#givenUp(queue));
      if (queue.length === 0) this.#waiting.delete(source);
      if (queue.length === 0 || (this.#underWay.get(source) ?? 0) >= mostOfSource) continue;
      if (this.#allUnderWay >= most) break;
      const waitMs = this.#rate.take(source, rate);
      if (waitMs > 0) {
        againMs = Math.min(againMs ?? waitMs, waitMs);
        continue;
      }
      // The newest: who has waited for long may give up before it is answered.
      begin.push(...this.#take(queue, queue.length - 1));
      this.#count(source, 1);
      this.#waiting.delete(source);
      if (queue.length > 0) this.#waiting.set(source, queue);
    }
    return { begin, late, againMs };
  }

  /** A handshake that had begun is over. `byNode`: a node has shown its certificate. */
  ended(source: string, byNode: boolean): void {
    this.#count(source, -1);
    if (byNode) this.#rate.giveBack(source, this.#limits.rate);
  }

  /** Those that wait; from now on they don't. */
  clear(): C[] {
    const all = [...this.#waiting.values()].flatMap((queue) => this.#take(queue, 0));
    this.#waiting.clear();
    return all;
  }

  #givenUp(queue: Waiting<C>[]): C[] {
    const before = this.#clock() - this.#limits.patienceMs;
    const first = queue.findIndex(({ since }) => since > before);
    return this.#take(queue, 0, first < 0 ? queue.length : first);
  }

  #take(queue: Waiting<C>[], from: number, count = queue.length): C[] {
    const taken = queue.splice(from, count).map(({ connection }) => connection);
    this.#allWaiting -= taken.length;
    return taken;
  }

  #count(source: string, by: 1 | -1): void {
    this.#allUnderWay += by;
    const count = (this.#underWay.get(source) ?? 0) + by;
    if (count > 0) this.#underWay.set(source, count);
    else this.#underWay.delete(source);
  }
}
