import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';

/** Whoever opens a connection and then says nothing is cut off. */
const handshakeTimeout = 10_000;

export interface DoorOptions {
  /** Takes connections that showed a certificate of the cluster's authority. */
  readonly known: (connection: TLSSocket) => void;
  /** Takes all others: of hosts that have not joined yet, and of whoever else reaches the port. */
  readonly strange: (connection: TLSSocket) => void;
  /** Strange connections at a time; more are closed at once. */
  readonly mostStrange: number;
  /** After so many milliseconds a strange connection is closed, whatever goes on there. */
  readonly strangeMs: number;
}

/** The port where agents connect, by TLS 1.3. It tells those whom the cluster knows from strangers, and bounds what these cost. */
export class Door {
  readonly #options: DoorOptions;
  readonly #server: Server;
  #strange = 0;

  constructor(options: DoorOptions) {
    this.#options = options;
    // Hosts that have not joined yet have no certificate: each service looks for itself.
    const secure = { requestCert: true, rejectUnauthorized: false, handshakeTimeout, ALPNProtocols: ['h2'] };
    this.#server = createServer(secure, (connection) => this.#enter(connection));
  }

  /** What the port shows from now on, and whom it knows; connections that are open keep what they were shown. */
  show(context: SecureContextOptions): void {
    this.#server.setSecureContext({ ...context, minVersion: 'TLSv1.3' });
  }

  /** Starts to listen on `HOST:PORT`. Resolves with the port. */
  listen(address: string): Promise<number> {
    const at = address.lastIndexOf(':');
    const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
    return new Promise((resolve, reject) => {
      const failed = (error: Error) =>
        reject(new Error(`can't listen for agents on ${address}: ${error.message}`));
      this.#server.once('error', failed);
      this.#server.listen({ host, port: Number(address.slice(at + 1)) }, () => {
        this.#server.off('error', failed);
        const bound = this.#server.address();
        resolve(typeof bound === 'object' && bound ? bound.port : 0);
      });
    });
  }

  /** Nobody enters any more; who is inside stays. */
  close(): void {
    this.#server.close();
  }

  #enter(connection: TLSSocket): void {
    // Its end is heard of as well; this alone would end the process.
    connection.on('error', () => undefined);
    const { known, strange, mostStrange, strangeMs } = this.#options;
    // Its handshake began before the port was closed.
    if (!this.#server.listening) connection.destroy();
    else if (connection.authorized) known(connection);
    else if (this.#strange >= mostStrange) connection.destroy();
    else {
      this.#strange++;
      const late = setTimeout(() => connection.destroy(), strangeMs);
      connection.once('close', () => {
        this.#strange--;
        clearTimeout(late);
      });
      strange(connection);
    }
  }
}
