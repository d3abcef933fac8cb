import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Go's default: dockerode puts whole specs into the query, and credentials come as a header. */
const maxHeaderSize = 1024 * 1024;
/** Longer than clients keep idle connections for reuse, so that they don't send into one just closed. */
const keepAliveTimeout = 120_000;
/** How long requests under way may take to end when the API closes. */
const closeGraceMs = 2_000;

const serversOf = new WeakMap<FastifyInstance, Server[]>();

/** Lets `app.close()` close the servers of `listen` too: requests under way get 2 s to end. */
export function closeServersWith(app: FastifyInstance): void {
  const servers: Server[] = [];
  serversOf.set(app, servers);
  app.addHook('onClose', async () => {
    await Promise.all(servers.map(closeServer));
  });
}

/**
 * Serves an app of `buildApi` on several addresses, `tcp://127.0.0.1:2475` or `unix:///run/shoal.sock`, until
 * it is closed. Returns the addresses, with the real port where 0 was asked for. Throws when an address is
 * malformed or taken, and closes the app then.
 */
export async function listen(app: FastifyInstance, addresses: readonly string[]): Promise<string[]> {
  const bound: string[] = [];
  try {
    for (const address of addresses) {
      const server = createServer({ maxHeaderSize, keepAliveTimeout }, (request, response) =>
        app.routing(request, response),
      );
      bound.push(await bind(server, address));
      serversOf.get(app)?.push(server);
    }
    return bound;
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function bind(server: Server, address: string): Promise<string> {
  const url = URL.parse(address);
  if (url?.protocol === 'unix:' && url.pathname !== '') {
    await removeStaleSocket(url.pathname);
    await listening(server, { path: url.pathname });
    // Whoever may use the socket rules the cluster, as with Docker's own.
    await chmod(url.pathname, 0o660);
    return address;
  }
  if (url?.protocol !== 'tcp:' || url.port === '') {
    throw new Error(`cannot listen on ${address}: write tcp://HOST:PORT or unix:///PATH`);
  }
  await listening(server, { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) });
  const actual = server.address();
  return typeof actual === 'object' && actual ? `tcp://${url.hostname}:${actual.port}` : address;
}

const listening = (server: Server, where: { path: string } | { host: string; port: number }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });

/** A socket file that a killed process left behind; one that somebody answers on is left alone. */
async function removeStaleSocket(path: string): Promise<void> {
  const isAnswered = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
  if (!isAnswered) await rm(path, { force: true });
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearTimeout(timer);
}
