import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../effects.ts';
import { sourceOf } from '../source.ts';
import { type HandshakeLimits, Handshakes } from './handshakes.ts';

/** Whoever opens a connection and then says nothing is cut off: as long as an agent waits for a connection. */
const handshakeTimeout = 5_000;

export interface DoorLimits {
  readonly handshakes: HandshakeLimits;
  /** Connections of one node at a time; with one more the oldest is closed, as its host may have forgotten it. */
  readonly mostOfNode: number;
  /** Strange connections at a time; more are closed at once. */
  readonly mostStrange: number;
  readonly mostStrangeOfSource: number;
  /** After so many milliseconds a strange connection is closed, whatever goes on there. */
  readonly strangeMs: number;
}

export interface DoorOptions {
  /** The node whose certificate a connection has shown; undefined for none, or one that counts for nothing here. */
  readonly nodeOf: (connection: TLSSocket) => string | undefined;
  /** Takes connections of nodes. */
  readonly known: (connection: TLSSocket) => void;
  /** Takes all others: of hosts that have not joined yet, and of whoever else reaches the port. */
  readonly strange: (connection: TLSSocket) => void;
  readonly limits: DoorLimits;
  readonly clock: Clock;
}

/** A connection before its handshake. */
interface Arrival {
  readonly socket: Socket;
  readonly source: string;
}

/** The port where agents connect, by TLS 1.3. It tells nodes from strangers, and bounds what each may cost. */
export class Door {
  readonly #options: DoorOptions;
  readonly #port: TcpServer;
  readonly #tls: Server;
  readonly #handshakes: Handshakes<Arrival>;
  /** Handshakes under way, by the other end's address and port. */
  readonly #shaking = new Map<string, Arrival>();
  /** By node; the oldest first. */
  readonly #known = new Map<string, TLSSocket[]>();
  /** By source. */
  readonly #strange = new Map<string, number>();
  #allStrange = 0;
  #again: NodeJS.Timeout | undefined;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#handshakes = new Handshakes(options.limits.handshakes, options.clock);
    // Nothing is read of a connection before its turn.
    this.#port = createTcpServer({ pauseOnConnect: true }, (socket) => this.#arrive(socket));
    // Hosts that have not joined yet have no certificate: each service looks for itself.
    const secure = { requestCert: true, rejectUnauthorized: false, handshakeTimeout, ALPNCallback };
    this.#tls = createServer(secure, (connection) => this.#enter(connection));
  }

  /** What the port shows from now on, and whom it knows; connections that are open keep what they were shown. */
  show(context: SecureContextOptions): void {
    this.#tls.setSecureContext({ ...context, minVersion: 'TLSv1.3' });
  }

  /** Starts to listen on `HOST:PORT`. Resolves with the port. */
  listen(address: string): Promise<number> {
    const at = address.lastIndexOf(':');
    const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
    return new Promise((resolve, reject) => {
      const failed = (error: Error) =>
        reject(new Error(`can't listen for agents on ${address}: ${error.message}`));
      this.#port.once('error', failed);
      this.#port.listen({ host, port: Number(address.slice(at + 1)) }, () => {
        this.#port.off('error', failed);
        const bound = this.#port.address();
        resolve(typeof bound === 'object' && bound ? bound.port : 0);
      });
    });
  }

  /** Nobody enters any more; who is inside stays. */
  close(): void {
    this.#port.close();
    clearTimeout(this.#again);
    for (const { socket } of this.#handshakes.clear()) socket.destroy();
  }

  #arrive(socket: Socket): void {
    // Its end is heard of as well; this alone would end the process.
    socket.on('error', () => undefined);
    const { remoteAddress } = socket;
    const source = sourceOf(remoteAddress ?? '');
    if (remoteAddress === undefined || !this.#handshakes.wait({ socket, source })) socket.destroy();
    else this.#next();
  }

  #next(): void {
    const { begin, late, againMs } = this.#handshakes.next();
    for (const { socket } of late) socket.destroy();
    clearTimeout(this.#again);
    if (againMs !== undefined) this.#again = setTimeout(() => this.#next(), againMs);
    for (const arrival of begin) this.#shake(arrival);
  }

  #shake(arrival: Arrival): void {
    const { socket } = arrival;
    const end = endOf(socket);
    this.#shaking.set(end, arrival);
    if (socket.destroyed) {
      this.#shaken(end, false);
      return;
    }
    socket.once('close', () => this.#shaken(end, false));
    this.#tls.emit('connection', socket);
  }

  #shaken(end: string, byNode: boolean): void {
    const arrival = this.#shaking.get(end);
    if (!arrival) return;
    this.#shaking.delete(end);
    this.#handshakes.ended(arrival.source, byNode);
    if (this.#port.listening) this.#next();
  }

  #enter(connection: TLSSocket): void {
    connection.on('error', () => undefined);
    const nodeId = this.#options.nodeOf(connection);
    this.#shaken(endOf(connection), nodeId !== undefined);
    // Its handshake began before the port was closed.
    if (!this.#port.listening) connection.destroy();
    else if (nodeId === undefined) this.#enterStrange(connection);
    else this.#enterKnown(nodeId, connection);
  }

  #enterKnown(nodeId: string, connection: TLSSocket): void {
    // One that is closed is told of later: others may come before.
    const open = (this.#known.get(nodeId) ?? []).filter(({ destroyed }) => !destroyed);
    const all = [...open, connection];
    this.#known.set(nodeId, all);
    connection.once('close', () => {
      const left = (this.#known.get(nodeId) ?? []).filter((one) => one !== connection);
      if (left.length > 0) this.#known.set(nodeId, left);
      else this.#known.delete(nodeId);
    });
    const { known, limits } = this.#options;
    if (all.length > limits.mostOfNode) all[0]?.destroy();
    known(connection);
  }

  #enterStrange(connection: TLSSocket): void {
    const { strange, limits } = this.#options;
    const source = sourceOf(connection.remoteAddress ?? '');
    const count = this.#strange.get(source) ?? 0;
    if (this.#allStrange >= limits.mostStrange || count >= limits.mostStrangeOfSource) {
      connection.destroy();
      return;
    }
    this.#allStrange++;
    this.#strange.set(source, count + 1);
    const late = setTimeout(() => connection.destroy(), limits.strangeMs);
    connection.once('close', () => {
      clearTimeout(late);
      this.#allStrange--;
      const left = (this.#strange.get(source) ?? 1) - 1;
      if (left > 0) this.#strange.set(source, left);
      else this.#strange.delete(source);
    });
    strange(connection);
  }
}

const endOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress}:${remotePort}`;

/** Instead of a list: of that every connection keeps a copy of three bytes, and with it Node's buffer of 64 KiB around them. */
const ALPNCallback = ({ protocols }: { protocols: string[] }): string | undefined =>
  protocols.find((protocol) => protocol === 'h2');
