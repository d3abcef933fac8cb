import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { sourceOf } from '../../source.ts';

/**
 * How much of a header is read: whole specs come in the query (dockerode), credentials in a header. Go's default, 1 MiB,
 * would let a thousand connections take a gigabyte before anybody is asked who it is.
 */
const maxHeaderSize = 256 * 1024;

/**
 * For every listener, in ms. None holds for an answer under way: logs and events go on as long as somebody listens.
 * Headers and bodies that trickle in are cut off.
 */
export const timing = {
  maxHeaderSize,
  headersTimeout: 10_000,
  /** A request of 4 MiB needs 70 KB/s. */
  requestTimeout: 60_000,
  /** Longer than clients keep idle connections for reuse, so that they don't send into one just closed. */
  keepAliveTimeout: 120_000,
  /** How often Node looks at the first two. */
  connectionsCheckingInterval: 2_000,
};

export const handshakeTimeout = 10_000;

/** Over TCP. Those over the limit are closed at once, and those that are there stay. */
export const mostConnections = { inAll: 1_000, perSource: 200 };

/** Returns whether more than half of all are taken now. */
export function limitConnections(server: Server, { inAll, perSource } = mostConnections): () => boolean {
  server.maxConnections = inAll;
  let all = 0;
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const from = sourceOf(socket.remoteAddress ?? '');
    all++;
    const count = (open.get(from) ?? 0) + 1;
    open.set(from, count);
    socket.once('close', () => {
      all--;
      const left = (open.get(from) ?? 1) - 1;
      if (left === 0) open.delete(from);
      else open.set(from, left);
    });
    if (count > perSource) socket.destroy();
  });
  return () => all > inAll / 2;
}
