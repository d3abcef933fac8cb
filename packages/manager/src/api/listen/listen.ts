import { constants } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { enterBy } from '../http/index.ts';
import { type Address, parseAddress } from './address.ts';
import { handshakeTimeout, limitConnections, timing } from './limits.ts';
import { listening } from './listening.ts';
import type { TlsMaterial } from './tls-files.ts';
import { bindSocket } from './unix-socket.ts';

/** How long requests under way may take to end when the API closes. */
const closeGraceMs = 2_000;
/** How often the certificate is asked for anew. An authority that counts no more has to be noticed soon. */
const renewMs = 1_000;

export interface Listening {
  /** With the real port where 0 was asked for. */
  readonly addresses: readonly string[];
  /** Requests under way get 2 s to end. */
  close(): Promise<void>;
}

interface Tls {
  readonly tls?: (() => Promise<TlsMaterial>) | undefined;
  readonly log?: Logger | undefined;
}

/**
 * Answers requests on several addresses (see parseAddress) until it is closed. `tls` is asked for the
 * certificate of `tcp://` now and again every second, so that a renewed one is taken without a restart; one that is not
 * usable then is logged, and the present one stays. When an authority counts no more, all connections end: each was verified
 * once, when it began.
 * Throws when an address is malformed or taken, or there is no usable certificate.
 */
export async function listen(
  serve: RequestListener,
  addresses: readonly string[],
  { tls, log }: Tls = {},
): Promise<Listening> {
  const servers: Server[] = [];
  const close = async () => void (await Promise.all(servers.map(closeServer)));
  const bound: string[] = [];
  try {
    for (const text of addresses) {
      const address = parseAddress(text);
      const server = await serverFor(serve, address.door, { tls, log });
      servers.push(server);
      bound.push(await bind(server, address, text));
    }
    return { addresses: bound, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function serverFor(serve: RequestListener, door: Address['door'], tls: Tls): Promise<Server> {
  let isCrowded = () => false;
  const enter: RequestListener = (request, response) => {
    enterBy(door, request);
    // The guard takes this back for those who are known.
    if (isCrowded()) response.setHeader('Connection', 'close');
    serve(request, response);
  };
  if (door === 'socket') return createServer(timing, enter);
  const server = door === 'plain' ? createServer(timing, enter) : await tlsServer(tls, enter);
  isCrowded = limitConnections(server);
  return server;
}

/** Who has no certificate may still have a token, so who it is is asked for request by request (access/guard.ts). */
async function tlsServer({ tls, log }: Tls, serve: RequestListener): Promise<TlsServer> {
  if (!tls) throw new Error('tcp:// is served with TLS alone, and there is no certificate');
  let present = await tls();
  const server = createTlsServer(
    {
      ...timing,
      ...contextOf(present),
      handshakeTimeout,
      requestCert: true,
      rejectUnauthorized: false,
    },
    serve,
  );
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  let isAsking = false;
  let trouble = '';
  const timer = setInterval(async () => {
    if (isAsking) return;
    isAsking = true;
    try {
      const next = await tls();
      if (next.cert !== present.cert || next.key !== present.key || next.ca !== present.ca) {
        server.setSecureContext(contextOf(next));
        if (!next.ca.includes(present.ca)) for (const socket of open) socket.destroy();
        present = next;
      }
      trouble = '';
    } catch (error) {
      // Half-written files, for one: the next second brings whole ones.
      if (trouble !== String(error))
        log?.warn({ err: error }, 'the renewed certificate of the API is not usable: the one before stays');
      trouble = String(error);
    } finally {
      isAsking = false;
    }
  }, renewMs).unref();
  server.once('close', () => clearInterval(timer));
  return server;
}

const contextOf = ({ cert, key, ca }: TlsMaterial) => ({
  cert,
  key,
  ca,
  minVersion: 'TLSv1.2' as const,
  // A resumed session would be taken for verified, though its authority may count no more.
  secureOptions: constants.SSL_OP_NO_TICKET,
});

async function bind(server: Server, address: Address, text: string): Promise<string> {
  if (address.door === 'socket') {
    await bindSocket(server, address.path);
    return text;
  }
  await listening(server, { host: address.host, port: address.port });
  const actual = server.address();
  const port = typeof actual === 'object' && actual ? actual.port : address.port;
  return text.replace(/:\d+\/?$/, `:${port}`);
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearTimeout(timer);
}
