import { createServer, type Server } from 'node:net';
import type { Logger } from 'pino';

/** Between tries to listen, when the port or the address is not free (yet). */
const retryMs = 5_000;

export interface ProbePortOptions {
  readonly host: string;
  readonly port: number;
  readonly log: Logger;
}

/**
 * Lets the manager and other agents see that this host lives: connections are accepted, and closed at once. While
 * this process is stalled the kernel accepts them in its place; while nobody listens it refuses them, which tells
 * the same. So that the port can't be had is no reason to stop.
 */
export class ProbePort {
  readonly #server: Server;
  #retry: NodeJS.Timeout | undefined;

  constructor({ host, port, log }: ProbePortOptions) {
    this.#server = createServer((socket) => {
      socket.on('error', () => {});
      socket.destroy();
    });
    const listen = () => this.#server.listen({ host, port });
    this.#server.on('error', (err) => {
      // Only one connection failed, for want of descriptors for instance: to listen again would throw.
      if (this.#server.listening) return log.warn({ err, host, port }, 'a probe was not accepted');
      log.warn({ err, host, port }, 'no port for probes, trying again');
      this.#retry = setTimeout(listen, retryMs);
    });
    listen();
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#server.close();
  }
}
