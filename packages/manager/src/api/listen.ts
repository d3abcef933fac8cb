import { chmod, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect } from 'node:net';

/** Go's default: dockerode puts whole specs into the query, and credentials come as a header. */
const maxHeaderSize = 1024 * 1024;
/** Longer than clients keep idle connections for reuse, so that they don't send into one just closed. */
const keepAliveTimeout = 120_000;
/** How long requests under way may take to end when the API closes. */
const closeGraceMs = 2_000;

export interface Listening {
  /** With the real port where 0 was asked for. */
  readonly addresses: readonly string[];
  /** Requests under way get 2 s to end. */
  close(): Promise<void>;
}

/**
 * Answers requests on several addresses, `tcp://127.0.0.1:2475` or `unix:///run/shoal.sock`, until it is closed.
 * Throws when an address is malformed or taken.
 */
export async function listen(serve: RequestListener, addresses: readonly string[]): Promise<Listening> {
  const servers: Server[] = [];
  const close = async () => void (await Promise.all(servers.map(closeServer)));
  const bound: string[] = [];
  try {
    for (const address of addresses) {
      const server = createServer({ maxHeaderSize, keepAliveTimeout }, serve);
      bound.push(await bind(server, address));
      servers.push(server);
    }
    return { addresses: bound, close };
  } catch (error) {
    await close();
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
