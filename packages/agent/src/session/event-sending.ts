import type { ContainerEvents, ContainerEventsTaken } from '@shoal/proto';
import type { EventQueue } from './event-queue.ts';

/** What happens in so short a time is told together: a container is created and started in less. */
const gatherMs = 100;

/** Tells the manager of containers in one session: a message at a time, as fast as it wants them. */
export class EventSending {
  readonly #queue: EventQueue;
  readonly #send: (events: ContainerEvents) => void;
  #timer: NodeJS.Timeout | undefined;
  /** From the welcome on, but not while a message is under way. */
  #may = false;

  constructor(queue: EventQueue, send: (events: ContainerEvents) => void) {
    this.#queue = queue;
    this.#send = send;
  }

  /** The manager knows all up to this time, and takes more after so many ms. */
  taken({ untilUs, waitMs }: ContainerEventsTaken): void {
    this.#queue.known(untilUs);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#may = true;
      this.soon();
    }, waitMs);
  }

  /** There is something new in the queue. */
  soon(): void {
    if (this.#may) this.#timer ??= setTimeout(() => this.#tell(), gatherMs);
  }

  close(): void {
    this.#may = false;
    clearTimeout(this.#timer);
  }

  #tell(): void {
    this.#timer = undefined;
    const events = this.#queue.next();
    if (!events) return;
    this.#may = false;
    this.#send(events);
  }
}
