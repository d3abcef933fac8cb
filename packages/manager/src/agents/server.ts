import { networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import {
  type AgentMessage,
  CertificatesService,
  type DaemonRequest,
  type Hello,
  type ManagerMessage,
  mostTunnels,
  type NodeFacts,
  type Query,
  SessionsService,
  type StatusBatch,
  type Timing,
  type TunnelFrame,
  TunnelsService,
} from '@shoal/proto';
import { timingFor } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import type { Clock, Ids, Random } from '../effects.ts';
import type { Liveness } from '../liveness/index.ts';
import { type Cluster, isReady, type Node } from '../model/index.ts';
import { QueryError } from '../query-error.ts';
import { beginTransaction, NotLeadingError, NotWrittenError, type Store, type Tx } from '../store/index.ts';
import type { Authority, Peer, Vault } from '../trust/index.ts';
import { Agents } from './agents.ts';
import { Certificates } from './certificates.ts';
import { Door } from './door.ts';
import { applyStatus, reportedOf } from './from-proto.ts';
import { isFromHere, JoinRefused, nodeOf, peerBehind } from './identity.ts';
import { fitNetworks, greet } from './join.ts';
import { OwnCertificate } from './own-certificate.ts';
import { Session } from './session.ts';
import { type Tunnel, Tunnels } from './tunnels.ts';

/** An agent that does not introduce itself within this time is cut off. */
const greetingMs = 10_000;
/** How long a host's daemon may take to ask a registry. */
const registryMs = 30_000;
/** All that a node has to know when it connects. */
const largestToAgent = 64 * 2 ** 20;
/** A thousand statuses, or what a host answers of its networks; nobody sends more who means well. */
const largestFromAgent = 8 * 2 ** 20;
/** Of one connection: a session, or an agent's tunnels. */
const mostStreams = mostTunnels + 8;
/**
 * What those without a certificate may cost, who ask for the roots and for their first one: together about 100 MiB, and
 * each somewhat longer than an agent waits for an answer.
 */
const strangers = { mostStrange: 200, strangeMs: 30_000 };
const largestFromStranger = 256 * 2 ** 10;
const mostStrangersStreams = 2;
/** Connections on which nothing goes on; those of agents have a stream. */
const mostIdleMs = 60_000;
/** Timers can't wait for longer; a session that ends early begins anew. */
const longestTimerMs = 2 ** 31 - 1;

type Call = ServerDuplexStream<AgentMessage, ManagerMessage>;
type TunnelCall = ServerDuplexStream<TunnelFrame, TunnelFrame>;

export interface AgentServerOptions {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly authority: Authority;
  readonly vault: Vault;
  /** Who this manager is in its certificate. */
  readonly managerId: string;
  readonly log: Logger;
  readonly liveness: Pick<Liveness, 'heard' | 'left' | 'told'>;
  /** Agents are told nothing of what they have to run. */
  readonly hold?: boolean;
}

/** The only door for agents: their sessions, their assignments, their statuses. */
export class AgentServer {
  readonly #store: Store;
  readonly #options: AgentServerOptions;
  readonly #agents: Agents;
  readonly #servers: readonly Server[];
  readonly #door: Door;
  readonly #tunnels = new Tunnels();
  readonly #own: OwnCertificate;
  #closed = false;

  constructor(store: Store, options: AgentServerOptions) {
    this.#store = store;
    this.#options = options;
    this.#agents = new Agents(store, { ...options, onTrust: () => void this.#own.change() });
    // Of as many nodes as there are at the start. A ping costs the manager twice as much as a beat.
    const { leaseMs, disconnectedMs } = timingFor(store.view.nodes.size);
    const common = {
      'grpc.max_send_message_length': largestToAgent,
      'grpc.max_connection_idle_ms': mostIdleMs,
      'grpc.keepalive_time_ms': leaseMs,
      'grpc.keepalive_timeout_ms': disconnectedMs,
    };
    const known = new Server({
      ...common,
      'grpc.max_receive_message_length': largestFromAgent,
      'grpc.max_concurrent_streams': mostStreams,
    });
    const strange = new Server({
      ...common,
      'grpc.max_receive_message_length': largestFromStranger,
      'grpc.max_concurrent_streams': mostStrangersStreams,
    });
    this.#servers = [known, strange];
    this.#door = new Door({ ...strangers, known: entranceOf(known), strange: entranceOf(strange) });
    this.#own = new OwnCertificate({
      ...options,
      cluster: () => this.#cluster,
      show: (context) => this.#door.show(context),
    });
    const { roots, issue } = new Certificates({
      ...options,
      store,
      cluster: () => this.#cluster,
      onJoined: ({ ID }) => options.liveness.heard(ID),
      ready: () => this.#own.settled(),
    });
    // The same for all: strangers are told why they get no further.
    for (const server of this.#servers) {
      server.addService(CertificatesService, { roots, issue });
      server.addService(SessionsService, { session: (call: Call) => this.#serve(call) });
      server.addService(TunnelsService, { open: (call: TunnelCall) => this.#serveTunnel(call) });
    }
  }

  /** Starts to listen on `HOST:PORT`. Resolves with the port. */
  async listen(address: string): Promise<number> {
    await this.#own.begin();
    return this.#door.listen(address);
  }

  /** Looks an image up in its registry through some host's daemon. Rejects with a QueryError. */
  async distribution(image: string, registryAuth: string): Promise<unknown> {
    const ready = [...this.#agents.all()].find(({ nodeId }) => isReady(this.#store.view.nodes.get(nodeId)));
    if (!ready) throw new QueryError(503, 'no node is connected that could ask the registry');
    const what = { $case: 'distribution', value: { image, registryAuth } } as const;
    return JSON.parse(await ready.ask(what, registryMs));
  }

  /** Asks one host. Resolves with what its JSON says; rejects with a QueryError. */
  async ask(nodeId: string, what: NonNullable<Query['what']>, withinMs: number): Promise<unknown> {
    const session = this.#agents.of(nodeId);
    if (!session) throw new QueryError(503, 'the node is not connected to the manager');
    return JSON.parse(await session.ask(what, withinMs));
  }

  /**
   * Sends a request to the Docker daemon of one host. Resolves with the head of its answer, the bodies follow.
   * Rejects with a QueryError.
   */
  async tunnel(
    nodeId: string,
    request: DaemonRequest,
    withinMs: number,
    signal: AbortSignal,
  ): Promise<Tunnel> {
    const session = this.#agents.of(nodeId);
    if (!session) throw new QueryError(503, 'the node is not connected to the manager');
    return this.#tunnels.open(session, request, withinMs, signal);
  }

  /** Takes the tasks of a host that nobody reaches out of all load balancers and names, or puts them back. */
  setSilent(nodeId: string, silent: boolean): void {
    this.#agents.setSilent(nodeId, silent);
  }

  /** How to keep in touch is another now: tells all agents. */
  tellTiming(): void {
    for (const session of this.#agents.all())
      session.send({ $case: 'timing', value: this.#timing(session.nodeId) });
  }

  /** From the call on no agent hears anything any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#own.close();
    const agents = this.#agents.close();
    this.#door.close();
    for (const server of this.#servers) server.forceShutdown();
    await agents;
  }

  get #cluster(): Cluster {
    const [cluster] = this.#store.view.clusters.all();
    if (!cluster) throw new Error('there is no cluster yet');
    return cluster;
  }

  #peer(call: Call | TunnelCall): Peer | undefined {
    return peerBehind(call, this.#cluster, Date.now());
  }

  #serveTunnel(call: TunnelCall): void {
    try {
      this.#tunnels.serve(call, nodeOf(this.#store.view, this.#peer(call)).ID);
    } catch (error) {
      if (!(error instanceof JoinRefused)) throw error;
      call.emit('error', { code: status.UNAUTHENTICATED, details: error.message });
    }
  }

  #serve(call: Call): void {
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
      const peer = this.#peer(call);
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

  #welcome(node: Node, call: Call): Session {
    const session = new Session(node.ID, { write: (message) => call.write(message), end: () => call.end() });
    const { term = 0 } = this.#cluster;
    const { hold = false } = this.#options;
    session.send({ $case: 'welcome', value: { term, timing: this.#timing(node.ID), hold } });
    session.sendTrust(this.#cluster.trust, node);
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

  /** Those that can't be written are kept until they can, or newer ones come; with what else of the greeting is not written. */
  async #facts(session: Session, facts: NodeFacts): Promise<void> {
    const signedBy = session.unwritten?.signedBy;
    const isWritten = await this.#write((tx) => {
      const node = tx.nodes.get(session.nodeId);
      if (!node) return;
      const allotted = { ...node.allotted, signedBy: signedBy ?? node.allotted.signedBy };
      const now = { ...node, reported: reportedOf(facts), allotted };
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

/** Where connections whose TLS stands come into a server. */
function entranceOf(server: Server): (connection: Duplex) => void {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return (connection) => injector.injectConnection(connection);
}
