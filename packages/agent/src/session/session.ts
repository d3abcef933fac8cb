import { type ClientDuplexStream, status as code, type ServiceError } from '@grpc/grpc-js';
import {
  type AgentMessage,
  type Changes,
  type Hello,
  type ManagerMessage,
  type NodeFacts,
  type Query,
  type QueryResult,
  Timing,
  type Trust,
  type Welcome,
} from '@shoal/proto';
import type { Logger } from 'pino';
import type { Assignments } from '../assignments/index.ts';
import { NotAdmitted } from '../identity/index.ts';
import type { Tunnels } from '../tunnels/index.ts';
import type { EventQueue } from './event-queue.ts';
import { EventSending } from './event-sending.ts';
import type { Outbox } from './outbox.ts';

/** From one message with statuses to the next: the first one goes at once, many at a time go together. */
const paceMs = 10;
/** Whatever the manager asks for. */
const shortestBeatMs = 10;
/** A batch that was not accepted by then is sent again. */
const resendAfterMs = 2_000;
/** Short, so that an agent is back soon when the way to the manager was cut for a while. */
const connectWithinMs = 5_000;
/** After so many beats without anything from the manager the stream is given up. */
const mostSilentBeats = 4;
/** A manager that talks but answers no beats is not to fill the memory. */
const mostUnanswered = 100;

export interface SessionHandlers {
  /** Only when it resolves are assignments taken. Rejects when the manager leads no more. */
  readonly onWelcome: (welcome: Welcome) => Promise<void>;
  /** What the manager said last, in whatever session; kept up to date. */
  readonly assignments: Assignments;
  /** The assignments have changed. Resolves once their network part is in the kernel; rejects when it never will be. */
  readonly onAssignments: () => Promise<void>;
  /** The manager has answered a beat: a lease runs until this time of `clock`. */
  readonly onLease: (until: number) => void;
  /** Milliseconds of a clock that never jumps. */
  readonly clock: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The manager has accepted the newest statuses of these tasks. */
  readonly onAccepted: (taskIds: readonly string[]) => void;
  readonly answer: (query: Query) => Promise<QueryResult>;
  /** Whom to trust from now on, and whether the host's certificate is to be renewed. */
  readonly onTrust: (trust: Trust) => Promise<void>;
  /** What happened to the host's containers. */
  readonly events?: EventQueue;
  /** A hollow host has none. */
  readonly tunnels?: Pick<Tunnels, 'open' | 'close' | 'closeAll'>;
}

export interface SessionEnd {
  readonly reason: string;
  /** The manager does not want this host; trying again soon won't help. */
  readonly refused: boolean;
}

type Stream = ClientDuplexStream<AgentMessage, ManagerMessage>;
type Body = NonNullable<AgentMessage['body']>;

/** One stream to the manager, from Hello to its end. */
export class Session {
  readonly #stream: Stream;
  readonly #outbox: Outbox;
  readonly #handlers: SessionHandlers;
  readonly #log: Logger;
  readonly #events: EventSending | undefined;
  #welcomed = false;
  #onHold = false;
  /** Newer than those in Hello, and not told yet. */
  #waitingFacts: NodeFacts | undefined;
  /** Before the complete set, and between a gap and the next one, changes build on something that is not here. */
  #awaitingComplete = true;
  #beats = 0;
  #timing = Timing.fromPartial({});
  /** When the newest beat was sent; until there is one, Hello. */
  #beatAt = 0;
  /** By number: when beats were sent that are not answered yet. */
  readonly #sentAt = new Map<number, number>();
  #silentBeats = 0;
  #reason: string | undefined;
  #unanswered = false;
  /** Ends what takes too long: the connection first, then the manager's answer to Hello. */
  #late: NodeJS.Timeout | undefined;
  #beatTimer: NodeJS.Timeout | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  /** When statuses were last sent. */
  #flushedAt = Number.NEGATIVE_INFINITY;

  constructor(stream: Stream, outbox: Outbox, handlers: SessionHandlers, log: Logger) {
    this.#stream = stream;
    this.#outbox = outbox;
    this.#handlers = handlers;
    this.#log = log;
    const { events } = handlers;
    this.#events = events && new EventSending(events, (value) => this.#send({ $case: 'events', value }));
  }

  /** Resolves when the stream has ended, for whatever reason. */
  async run(hello: Hello): Promise<SessionEnd> {
    this.#late = setTimeout(() => this.#drop('the manager could not be reached'), connectWithinMs);
    this.#beatAt = this.#handlers.clock();
    this.#send({ $case: 'hello', value: hello });
    try {
      for await (const message of this.#stream as AsyncIterable<ManagerMessage>) {
        if (message.body?.$case === 'welcome') clearTimeout(this.#late);
        this.#silentBeats = 0;
        await this.#take(message);
      }
      return { reason: this.#reason ?? 'the manager ended the stream', refused: false };
    } catch (error) {
      return { reason: this.#reason ?? describe(error), refused: isRefusal(error) };
    } finally {
      clearTimeout(this.#late);
      clearTimeout(this.#flushTimer);
      clearTimeout(this.#beatTimer);
      this.#events?.close();
      this.#handlers.tunnels?.closeAll();
      this.#stream.cancel();
    }
  }

  /** The connection stands; from now on the manager has so long to answer Hello. */
  connected(patienceMs: number): void {
    if (this.#reason !== undefined) return;
    clearTimeout(this.#late);
    this.#late = setTimeout(() => {
      this.#unanswered = true;
      this.#drop('the manager did not answer Hello');
    }, patienceMs);
  }

  get welcomed(): boolean {
    return this.#welcomed;
  }

  /** The manager tells hosts nothing, as it was restored from a backup. */
  get onHold(): boolean {
    return this.#onHold;
  }

  /** The connection stood, and no Welcome came for as long as there was patience. */
  get unanswered(): boolean {
    return this.#unanswered;
  }

  sendFacts(facts: NodeFacts): void {
    // Facts come once, when they change: those that come before Welcome must not be lost.
    if (this.#welcomed) this.#send({ $case: 'facts', value: facts });
    else this.#waitingFacts = facts;
  }

  /** The outbox has something new. */
  flushSoon(): void {
    if (!this.#welcomed) return;
    const wait = Math.max(0, this.#flushedAt + paceMs - performance.now());
    this.#flushTimer ??= setTimeout(() => this.#flush(), wait);
  }

  /** Something happened to a container. */
  eventsSoon(): void {
    this.#events?.soon();
  }

  /** Says what there is to say and ends the stream. */
  close(reason = 'closed'): void {
    if (this.#welcomed) this.#flush();
    this.#reason = reason;
    this.#stream.end();
  }

  async #take({ body }: ManagerMessage): Promise<void> {
    switch (body?.$case) {
      case 'welcome':
        return this.#begin(body.value);
      case 'changes':
        return this.#assign(body.value);
      case 'ack':
        return this.#handlers.onAccepted(this.#outbox.acknowledge(body.value.number));
      case 'query':
        // Not awaited: a slow registry must not hold up assignments.
        void this.#handlers.answer(body.value).then((value) => this.#send({ $case: 'result', value }));
        return;
      case 'openTunnel':
        return this.#handlers.tunnels?.open(body.value);
      case 'trust':
        return this.#handlers.onTrust(body.value);
      case 'closeTunnel':
        return this.#handlers.tunnels?.close(body.value.id);
      case 'beat':
        return this.#answered(body.value.number);
      case 'eventsTaken':
        return this.#events?.taken(body.value);
      case 'timing':
        return this.#keep(body.value);
      // What a newer manager says beyond that is not for us.
      default:
        return;
    }
  }

  async #begin(welcome: Welcome): Promise<void> {
    await this.#handlers.onWelcome(welcome);
    this.#onHold = welcome.hold;
    this.#welcomed = true;
    const timing = Timing.fromPartial(welcome.timing ?? {});
    this.#handlers.onLease(this.#beatAt + timing.leaseMs);
    this.#keep(timing);
    if (this.#waitingFacts) this.#send({ $case: 'facts', value: this.#waitingFacts });
    this.#waitingFacts = undefined;
    this.#events?.taken({ untilUs: welcome.eventsUntilUs, waitMs: 0 });
    this.#flush();
  }

  /** The next beat comes in time, but at random: thousands of agents that are told at once must not beat as one. */
  #keep(timing: Timing): void {
    this.#timing = timing;
    const beatMs = Math.max(timing.beatMs, shortestBeatMs);
    const left = Math.max(0, beatMs - (this.#handlers.clock() - this.#beatAt));
    clearTimeout(this.#beatTimer);
    this.#beatTimer = setTimeout(() => {
      this.#beatTimer = setInterval(() => this.#beat(), beatMs);
      this.#beat();
    }, this.#handlers.random() * left);
  }

  #assign(message: Changes): void {
    if (this.#awaitingComplete && !message.complete) return;
    const { assignments } = this.#handlers;
    this.#awaitingComplete = !assignments.apply(message);
    const { number } = assignments;
    if (this.#awaitingComplete) {
      this.#log.warn({ number, appliesTo: message.appliesTo }, 'gap in the assignments, asking for all');
      this.#send({ $case: 'resync', value: {} });
      return;
    }
    // Not awaited: what comes next must not wait for the kernel.
    this.#handlers.onAssignments().then(
      () => message.unawaited || this.#send({ $case: 'applied', value: { number } }),
      (error) => this.#log.warn({ err: error }, 'networks were not applied'),
    );
  }

  /** Counts ticks of its own, not time: an agent that was stopped for a while first reads what came meanwhile. */
  #beat(): void {
    this.#silentBeats += 1;
    if (this.#silentBeats > mostSilentBeats) {
      this.#drop('the manager fell silent');
      return;
    }
    this.#beats += 1;
    if (this.#sentAt.size >= mostUnanswered) this.#sentAt.clear();
    this.#beatAt = this.#handlers.clock();
    this.#sentAt.set(this.#beats, this.#beatAt);
    this.#send({ $case: 'beat', value: { number: this.#beats, beatMs: this.#timing.beatMs } });
    this.#outbox.expire(performance.now() - resendAfterMs);
    this.#flush();
  }

  #answered(number: number): void {
    const at = this.#sentAt.get(number);
    for (const earlier of this.#sentAt.keys()) if (earlier <= number) this.#sentAt.delete(earlier);
    if (at !== undefined) this.#handlers.onLease(at + this.#timing.leaseMs);
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const now = performance.now();
    for (let batch = this.#outbox.take(now); batch; batch = this.#outbox.take(now)) {
      this.#flushedAt = now;
      this.#send({ $case: 'statuses', value: batch });
    }
  }

  #send(body: Body): void {
    if (this.#stream.writable && !this.#reason) this.#stream.write({ body });
  }

  #drop(reason: string): void {
    this.#reason = reason;
    this.#stream.cancel();
  }
}

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && 'code' in error && 'details' in error;

export const describe = (error: unknown): string => {
  if (isServiceError(error)) return `${code[error.code]}: ${error.details}`;
  return error instanceof Error ? error.message : String(error);
};

export const isRefusal = (error: unknown): boolean =>
  error instanceof NotAdmitted ||
  (isServiceError(error) &&
    [code.UNAUTHENTICATED, code.PERMISSION_DENIED, code.FAILED_PRECONDITION].includes(error.code));
