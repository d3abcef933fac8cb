import { networkInterfaces } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import type {
  AgentMessage,
  ContainerEvents,
  Hello,
  ManagerMessage,
  NodeFacts,
  StatusBatch,
  Timing,
} from '@shoal/proto';
import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import { mostInBatch, Pace, takeContainerEvents } from '../events/index.ts';
import type { Liveness } from '../liveness/index.ts';
import type { Cluster, Node } from '../model/index.ts';
import { beginTransaction, NotLeadingError, NotWrittenError, type Store, type Tx } from '../store/index.ts';
import type { Peer } from '../trust/index.ts';
import { release } from '../version.ts';
import type { Agents } from './agents.ts';
import { applyStatus, reportedOf } from './from-proto.ts';
import { isFromHere, JoinRefused, nodeOf, peerBehind } from './identity.ts';
import { fitNetworks, greet } from './join.ts';
import { Session } from './session.ts';

/** An agent that does not introduce itself within this time is cut off. */
const greetingMs = 10_000;
/** Timers can't wait for longer; a session that ends early begins anew. */
const longestTimerMs = 2 ** 31 - 1;

export type SessionCall = ServerDuplexStream<AgentMessage, ManagerMessage>;

export interface SessionsOptions {
  readonly store: Store;
  readonly cluster: () => Cluster;
  readonly agents: Agents;
  readonly clock: Clock;
  readonly log: Logger;
  readonly liveness: Pick<Liveness, 'heard' | 'left' | 'told'>;
  readonly hold?: boolean;
}

/** What agents say on their streams: from the greeting to the end. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #store: Store;
  readonly #agents: Agents;
  readonly #pace = new Pace();
  #closed = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#agents = options.agents;
  }

  /** How to keep in touch is another now: tells all agents. */
  tellTiming(): void {
    for (const session of this.#agents.all())
      session.send({ $case: 'timing', value: this.#timing(session.nodeId) });
  }

  /** From the call on nothing that agents say counts any more. */
  close(): void {
    this.#closed = true;
  }

  /** A stream that an agent has opened. */
  serve(call: SessionCall): void {
    let session: Session | undefined;
    let expiry: NodeJS.Timeout | undefined;
    let gone = false;
    const fail = (code: status, details: string) => {
      if (!gone) call.emit('error', { code, details });
    };
    const greeting = setTimeout(() => fail(status.DEADLINE_EXCEEDED, 'no greeting came'), greetingMs);
    const leave = () => {
      gone = true;
      clearTimeout(greeting);
      clearTimeout(expiry);
      if (session) this.#left(session);
    };
    const join = async (hello: Hello): Promise<void> => {
      clearTimeout(greeting);
      const peer = peerBehind(call, this.#options.cluster(), Date.now());
      const { node, written } = await this.#greet(peer, hello);
      if (this.#closed) return;
      // Removed meanwhile.
      nodeOf(this.#store.view, peer);
      this.#options.liveness.heard(node.ID);
      if (!gone) {
        session = this.#welcome(node, call);
        if (!written && hello.facts) session.unwritten = { facts: hello.facts, signedBy: peer?.signedBy };
        // Whoever has nothing better to show by then is cut off.
        const left = (peer?.expiresAt ?? 0) - Date.now();
        expiry = setTimeout(
          () => fail(status.UNAUTHENTICATED, 'the certificate has ended'),
          Math.min(left, longestTimerMs),
        );
      }
      // The stream has ended meanwhile, and the node is in the store as one that is ready.
      else if (!this.#agents.of(node.ID)) this.#options.liveness.left(node.ID);
    };
    const peer = call.getPeer();
    const take = ({ body }: AgentMessage): Promise<void> | undefined => {
      // Nobody waits for the answer any more: the agent has given up, and comes anew.
      if (this.#closed || gone) return;
      const facts =
        body?.$case === 'hello' ? body.value.facts : body?.$case === 'facts' ? body.value : undefined;
      if (facts?.runsManager && !isFromHere(peer, networkInterfaces())) {
        this.#options.log.warn({ peer, hostname: facts.hostname }, 'the manager does not run on this host');
        facts.runsManager = false;
      }
      // It was replaced, or its node removed: what still comes is nobody's word.
      if (session?.ended.aborted) return;
      if (session) return this.#handle(session, body);
      if (body?.$case === 'hello') return join(body.value);
      fail(status.FAILED_PRECONDITION, 'the first message must be a greeting');
    };
    const failed = (error: unknown) => {
      if (error instanceof JoinRefused) return fail(status.UNAUTHENTICATED, error.message);
      if (error instanceof NotLeadingError) return fail(status.UNAVAILABLE, error.message);
      this.#options.log.error({ err: error, nodeId: session?.nodeId }, 'message of an agent failed');
      fail(status.INTERNAL, 'the manager could not handle the message');
    };
    call.on('data', (message: AgentMessage) => {
      try {
        // Beats, which is most of what comes, are dealt with at once.
        const work = take(message);
        if (!work) return;
        // One message at a time: the next is read when this one is dealt with.
        call.pause();
        work.catch(failed).finally(() => call.resume());
      } catch (error) {
        failed(error);
      }
    });
    call.on('drain', () => {
      session?.drained();
      if (session) this.#agents.flushSoon(session);
    });
    call.on('end', () => {
      leave();
      call.end();
    });
    call.on('cancelled', leave);
    call.on('error', leave);
  }

  /**
   * The node as its greeting makes it. When the disk takes nothing new (`written` is false) it comes in as it was before, by
   * the same rules. Throws JoinRefused.
   */
  async #greet(peer: Peer | undefined, hello: Hello): Promise<{ node: Node; written: boolean }> {
    const come = (tx: Tx) => greet(tx, peer, hello);
    try {
      return { node: await this.#store.update(come, 'agents'), written: true };
    } catch (error) {
      if (!(error instanceof NotWrittenError)) throw error;
      const { view, revision } = this.#store;
      come(beginTransaction(view, revision + 1, this.#options.clock()));
      return { node: nodeOf(view, peer), written: false };
    }
  }

  #welcome(node: Node, call: SessionCall): Session {
    const session = new Session(node.ID, {
      write: (message, written) => call.write(message, written),
      end: () => call.end(),
    });
    const { term = 0 } = this.#options.cluster();
    const { hold = false } = this.#options;
    const timing = this.#timing(node.ID);
    const eventsUntilUs = this.#store.view.eventMarks.get(node.ID)?.untilUs ?? 0;
    session.send({ $case: 'welcome', value: { term, timing, hold, release, eventsUntilUs } });
    session.sendTrust(this.#options.cluster().trust, node, this.#store.view.nodes.size);
    this.#agents.add(session);
    this.#options.log.info(
      { nodeId: node.ID, hostname: node.reported.description.Hostname },
      'agent connected',
    );
    return session;
  }

  #timing(nodeId: string): Timing {
    const { beatMs, leaseMs } = this.#options.liveness.told(nodeId);
    return { beatMs, leaseMs };
  }

  #left(session: Session): void {
    if (!this.#agents.remove(session)) return;
    this.#options.log.info({ nodeId: session.nodeId }, 'agent disconnected');
    this.#options.liveness.left(session.nodeId);
  }

  /** What it returns has to be waited for before the agent's next message. */
  #handle(session: Session, body: AgentMessage['body']): Promise<void> | undefined {
    this.#options.liveness.heard(session.nodeId, body?.$case === 'beat' ? body.value.beatMs : undefined);
    switch (body?.$case) {
      case 'beat':
        session.beat(body.value);
        return session.unwritten && this.#facts(session, session.unwritten.facts);
      case 'statuses':
        return this.#statuses(session, body.value);
      case 'facts':
        return this.#facts(session, body.value);
      case 'resync':
        session.resync();
        this.#agents.flushSoon(session);
        return;
      case 'applied':
        this.#agents.applied(session, body.value.number);
        return;
      case 'result':
        session.answered(body.value);
        return;
      case 'events':
        return this.#events(session, body.value);
      default:
        // A newer agent may say more than we know; what we do not know we do not need.
        return;
    }
  }

  async #statuses(session: Session, { number, statuses }: StatusBatch): Promise<void> {
    const now = this.#options.clock();
    const isWritten = await this.#write((tx) => {
      for (const report of statuses) {
        const task = tx.tasks.get(report.taskId);
        const changed = task && applyStatus(task, report, session.nodeId, now);
        if (changed) tx.tasks.update(changed);
      }
    });
    // Those that are not acknowledged come again.
    if (isWritten) session.send({ $case: 'ack', value: { number } });
  }

  /** Those of an agent that does not wait as it is told are left out. */
  async #events(session: Session, { events, dropped }: ContainerEvents): Promise<void> {
    const now = this.#options.clock();
    if (now < session.noEventsBefore || events.length > mostInBatch) return;
    await this.#write((tx) => {
      const node = tx.nodes.get(session.nodeId);
      if (node) takeContainerEvents(tx, node, { events, dropped }, now);
    });
    const untilUs = this.#store.view.eventMarks.get(session.nodeId)?.untilUs ?? 0;
    const waitMs = this.#pace.take(events.length, now);
    // Clocks of timers are not that exact.
    session.noEventsBefore = now + waitMs / 2;
    session.send({ $case: 'eventsTaken', value: { untilUs, waitMs } });
  }

  /** Those that can't be written are kept until they can, or newer ones come; with what else of the greeting is not written. */
  async #facts(session: Session, facts: NodeFacts): Promise<void> {
    const signedBy = session.unwritten?.signedBy;
    const isWritten = await this.#write((tx) => {
      const node = tx.nodes.get(session.nodeId);
      if (!node) return;
      const allotted = { ...node.allotted, signedBy: signedBy ?? node.allotted.signedBy };
      const now = { ...node, reported: reportedOf(facts, node.reported.protocol), allotted };
      if (!isDeepStrictEqual(now, node)) fitNetworks(tx, tx.nodes.update(now), node);
    });
    session.unwritten = isWritten ? undefined : { facts, signedBy };
  }

  /** False when the disk did not take it. That ends no session: the host is as alive as before. */
  async #write(change: (tx: Tx) => void): Promise<boolean> {
    try {
      await this.#store.update(change, 'agents');
      return true;
    } catch (error) {
      if (error instanceof NotWrittenError) return false;
      throw error;
    }
  }
}
