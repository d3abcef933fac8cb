import type { ContainerEvent, ContainerEvents } from '@shoal/proto';
import { fittingAttributes } from '@shoal/proto/rules';

/** Kept while the manager takes none; then the oldest go, and are counted. */
const mostKept = 1_000;
/** In a message, as the manager takes them. */
const mostInBatch = 32;

/**
 * What happened to this host's containers and the manager does not know yet, oldest first. Each event has a time later than
 * those before it, by which both sides know it again.
 */
export class EventQueue {
  #events: ContainerEvent[] = [];
  #newestUs = 0;
  #dropped = 0;
  /** Said to have been dropped in the message under way. */
  #told = 0;
  /** The manager knows all up to this time. */
  #knownUs = 0;
  readonly #bornUs: number;
  /** All events so far were before this agent. */
  #isBefore = true;

  /** @param bornUs when this agent started, by the host's clock (microseconds since the epoch): an agent before it may have told what was earlier */
  constructor(bornUs = 0) {
    this.#bornUs = bornUs;
  }

  /** The daemon's first events may be old ones: of those, what the manager knows is left out. */
  put(event: ContainerEvent): void {
    this.#isBefore &&= event.atUs < this.#bornUs;
    if (this.#isBefore && event.atUs <= this.#knownUs) return;
    this.#newestUs = Math.max(event.atUs, this.#newestUs + 1);
    const attributes = { ...fittingAttributes(event.attributes) };
    this.#events.push({ ...event, attributes, atUs: this.#newestUs });
    if (this.#events.length <= mostKept) return;
    this.#events.shift();
    this.#dropped++;
  }

  /** The next to tell; undefined for nothing. Until they are `known`, they stay. */
  next(): ContainerEvents | undefined {
    if (this.#events.length === 0) return undefined;
    this.#told = this.#dropped;
    return { events: this.#events.slice(0, mostInBatch), dropped: this.#dropped };
  }

  /** The manager knows all up to this time, also by what an agent before this one told it. */
  known(untilUs: number): void {
    const left = this.#events.filter(({ atUs }) => atUs > untilUs);
    if (left.length < this.#events.length) {
      this.#dropped -= this.#told;
      this.#told = 0;
    }
    this.#events = left;
    // Else what happens after the host's clock was set back would be taken for what is known.
    this.#newestUs = Math.max(this.#newestUs, untilUs);
    this.#knownUs = untilUs;
  }
}
