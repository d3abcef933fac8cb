import type { Duplex } from 'node:stream';
import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import {
  CertificatesService,
  type DaemonRequest,
  mostTunnels,
  type Query,
  SessionsService,
  type TunnelFrame,
  TunnelsService,
} from '@shoal/proto';
import type { Logger } from 'pino';
import type { Clock, Ids, Random } from '../effects.ts';
import type { Liveness } from '../liveness/index.ts';
import { type Cluster, isReady } from '../model/index.ts';
import { QueryError } from '../query-error.ts';
import type { Store } from '../store/index.ts';
import type { Authority, Vault } from '../trust/index.ts';
import { Agents } from './agents.ts';
import { Certificates } from './certificates.ts';
import { Door, type DoorLimits } from './door.ts';
import { handshakeLimits } from './handshakes.ts';
import { JoinRefused, nodeIdBehind, nodeOf, peerBehind } from './identity.ts';
import { OwnCertificate } from './own-certificate.ts';
import { type SessionCall, Sessions } from './sessions.ts';
import { type Tunnel, Tunnels } from './tunnels.ts';

/** How long a host's daemon may take to ask a registry. */
const registryMs = 30_000;
/** All that a node has to know when it connects. */
const largestToAgent = 64 * 2 ** 20;
/** A thousand statuses, or what a host answers of its networks; nobody sends more who means well. */
const largestFromAgent = 8 * 2 ** 20;
/** Of one connection: a session, or an agent's tunnels. */
const mostStreams = mostTunnels + 8;
const limits: DoorLimits = {
  handshakes: handshakeLimits,
  // It needs three: for its session, its tunnels, and its next certificate.
  mostOfNode: 16,
  // Those without a certificate ask for the roots and for their first one: together they cost about 100 MiB, each for somewhat
  // longer than an agent waits for an answer.
  mostStrange: 200,
  mostStrangeOfSource: 100,
  strangeMs: 30_000,
};
const largestFromStranger = 256 * 2 ** 10;
const mostStrangersStreams = 2;
/** Connections on which nothing goes on; those of agents have a stream. */
const mostIdleMs = 60_000;
/**
 * From one ping of a connection to the next, so that those of hosts that are gone end one day. Seldom: a ping costs the
 * manager twice as much as a beat, and whom nobody hears any more nothing waits for.
 */
const pingMs = 30_000;

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

/** The only door for agents: their port with its services, and what the manager asks of them. */
export class AgentServer {
  readonly #store: Store;
  readonly #agents: Agents;
  readonly #servers: readonly Server[];
  readonly #door: Door;
  readonly #tunnels = new Tunnels();
  readonly #own: OwnCertificate;
  readonly #sessions: Sessions;

  constructor(store: Store, options: AgentServerOptions) {
    this.#store = store;
    this.#agents = new Agents(store, { ...options, onTrust: () => void this.#own.change() });
    this.#sessions = new Sessions({
      ...options,
      store,
      agents: this.#agents,
      cluster: () => this.#cluster,
    });
    const common = {
      // Nobody asks for gRPC's own statistics, and they are kept message by message.
      'grpc.enable_channelz': 0,
      'grpc.max_send_message_length': largestToAgent,
      'grpc.max_connection_idle_ms': mostIdleMs,
      'grpc.keepalive_time_ms': pingMs,
      'grpc.keepalive_timeout_ms': pingMs / 2,
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
    this.#door = new Door({
      clock: options.clock,
      limits,
      nodeOf: (connection) => nodeIdBehind(connection, this.#cluster, store.view),
      known: entranceOf(known),
      strange: entranceOf(strange),
    });
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
      server.addService(SessionsService, { session: (call: SessionCall) => this.#sessions.serve(call) });
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

  /** Asks one host. Resolves with the object that its JSON says; rejects with a QueryError, or where that is no JSON. */
  async ask(nodeId: string, what: NonNullable<Query['what']>, withinMs: number): Promise<unknown> {
    const session = this.#agents.of(nodeId);
    if (!session) throw new QueryError(503, 'the node is not connected to the manager');
    const said: unknown = JSON.parse(await session.ask(what, withinMs));
    // Whoever asks makes a message of it.
    if (typeof said !== 'object' || said === null)
      throw new QueryError(502, 'the answer of the node makes no sense');
    return said;
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
    this.#sessions.tellTiming();
  }

  /** From the call on no agent hears anything any more. */
  async close(): Promise<void> {
    this.#sessions.close();
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

  #serveTunnel(call: TunnelCall): void {
    try {
      this.#tunnels.serve(call, nodeOf(this.#store.view, peerBehind(call, this.#cluster, Date.now())).ID);
    } catch (error) {
      if (!(error instanceof JoinRefused)) throw error;
      call.emit('error', { code: status.UNAUTHENTICATED, details: error.message });
    }
  }
}

/** Where connections whose TLS stands come into a server. */
function entranceOf(server: Server): (connection: Duplex) => void {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return (connection) => injector.injectConnection(connection);
}
