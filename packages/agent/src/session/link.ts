import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelCredentials, type ChannelOptions, connectivityState } from '@grpc/grpc-js';
import { type Hello, type NodeFacts, SessionsClient, type TaskStatus } from '@shoal/proto';
import { backoffMs } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import { secureOptions } from '../identity/index.ts';
import { Outbox } from './outbox.ts';
import { afterRefusalMs, welcomePatienceMs } from './patience.ts';
import { describe, isRefusal, Session, type SessionEnd, type SessionHandlers } from './session.ts';

/** A session that lasted so long shows that all is well: the next failure starts with the shortest wait. */
const goodAfterMs = 2_000;
/** On leaving, the manager may take so long to read the last statuses. */
const closeWithinMs = 500;

/** Without gRPC's own pings: a session finds out by its beats that the manager is silent, and sooner. */
const channelOptions: ChannelOptions = {
  // Each try starts afresh: the waits between tries are ours, not gRPC's.
  ...secureOptions,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
};

export interface LinkOptions extends SessionHandlers {
  /** HOST:PORT of the manager, asked anew for each try. */
  readonly manager: () => string;
  /** Asked anew for each try. Rejects while the host can't show who it is. */
  readonly credentials: () => Promise<ChannelCredentials>;
  /** Sent at the beginning of each session, as it is then. */
  readonly hello: () => Hello;
  /** All that is to say about tasks; said again in each new session. */
  readonly statuses: () => readonly TaskStatus[];
  /** There is no session: called at the beginning, and at the end of each that was welcomed. */
  readonly onAlone: () => void;
  readonly log: Logger;
}

/** Keeps a session with the manager, whatever it takes, until closed. */
export class ManagerLink {
  readonly #options: LinkOptions;
  readonly #outbox = new Outbox();
  readonly #closing = new AbortController();
  #session: Session | undefined;
  #loop: Promise<void> | undefined;
  /** Connections in a row on which no Welcome came. */
  #unanswered = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#session?.welcomed ?? false;
  }

  /** The manager is there, and tells hosts nothing: one of them that has news can't have the others hear it. */
  get onHold(): boolean {
    return this.#session?.onHold ?? false;
  }

  open(): void {
    if (this.#loop) return;
    this.#options.onAlone();
    this.#loop = this.#run();
  }

  report(status: TaskStatus): void {
    this.#outbox.put(status);
    this.#session?.flushSoon();
  }

  /** Something happened to a container: there is more in the queue of events. */
  eventsSoon(): void {
    this.#session?.eventsSoon();
  }

  drop(taskId: string): void {
    this.#outbox.drop(taskId);
  }

  /** Ends the session, if there is one, for another with newer credentials. */
  renew(): void {
    this.#session?.close('for a session with the new certificate');
  }

  sendFacts(facts: NodeFacts): void {
    this.#session?.sendFacts(facts);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#session?.close();
    await Promise.race([this.#loop, sleep(closeWithinMs)]);
  }

  async #run(): Promise<void> {
    const { log, random } = this.#options;
    let failures = 0;
    while (!this.#closing.signal.aborted) {
      const begin = performance.now();
      const manager = this.#options.manager();
      const { good, reason, refused } = await this.#connect(manager);
      if (this.#closing.signal.aborted) return;
      failures = good && performance.now() - begin >= goodAfterMs ? 1 : failures + 1;
      const waitMs = Math.round(refused ? afterRefusalMs(random()) : backoffMs(failures, random()));
      if (refused) log.error({ manager, reason, waitMs }, 'the manager refused this host');
      // Each try of a long outage says the same.
      else log[failures <= 3 ? 'warn' : 'debug']({ manager, reason, waitMs }, 'no session with the manager');
      await sleep(waitMs, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  /** One try, and the session it leads to. */
  async #connect(manager: string): Promise<SessionEnd & { good: boolean }> {
    const { log, credentials, hello, statuses } = this.#options;
    let client: SessionsClient | undefined;
    try {
      client = new SessionsClient(manager, await credentials(), channelOptions);
      // Fails at once when nothing listens; when nothing answers, the session's own timeouts end it.
      const session = new Session(client.session(), this.#outbox, this.#options, log);
      onceConnected(client, () =>
        session.connected(welcomePatienceMs(this.#unanswered, this.#options.random())),
      );
      for (const status of statuses()) this.#outbox.put(status);
      this.#session = session;
      const end = await session.run(hello());
      if (session.unanswered) this.#unanswered++;
      if (session.welcomed) {
        this.#unanswered = 0;
        this.#options.onAlone();
      }
      return { ...end, good: session.welcomed };
    } catch (error) {
      return { reason: describe(error), refused: isRefusal(error), good: false };
    } finally {
      this.#session = undefined;
      client?.close();
    }
  }
}

/** Acts when the connection stands, TLS and all; never, when it doesn't before the client is closed. */
function onceConnected(client: SessionsClient, act: () => void): void {
  const channel = client.getChannel();
  const state = channel.getConnectivityState(false);
  if (state === connectivityState.READY) act();
  else if (state !== connectivityState.SHUTDOWN)
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => onceConnected(client, act));
}
