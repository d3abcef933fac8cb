import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { exchange } from './exchange.ts';
import type { OpenSocket } from './kept-socket.ts';
import { recordType } from './query.ts';
import type { Transport } from './react.ts';
import { frame, Unframer } from './tcp-framing.ts';

export interface Address {
  readonly address: string;
  readonly port: number;
}

/** Gives the answer to a message from `source`, at once or later; undefined to say nothing. */
export type Handle = (
  packet: Buffer,
  source: string,
  transport: Transport,
) => Buffer | Promise<Buffer> | undefined;

const probeTimeoutMs = 1_000;
const idleMs = 10_000;
const mostConnections = 512;
const mostConnectionsPerSource = 64;
/** Bytes that wait for a client that does not read. */
const mostUnsentTcp = 1 << 20;
const mostUnsentUdp = 4 << 20;
/** Bursts wait here while the agent is busy; the kernel gives no more than its `net.core.rmem_max`. */
const receiveBuffer = 4 << 20;

export async function openUdp(at: Address, handle: Handle): Promise<OpenSocket> {
  const socket = createSocket({ type: 'udp4' });
  socket.bind({ address: at.address, port: at.port, exclusive: true });
  await ready(once(socket, 'listening'), () => socket.close());
  grow(() => socket.setRecvBufferSize(receiveBuffer));
  const send = (answer: Buffer, port: number, address: string) => {
    // A callback, so that a client that is gone makes no error of the socket.
    if (socket.getSendQueueSize() < mostUnsentUdp) socket.send(answer, port, address, ignore);
  };
  let open = true;
  socket.on('message', (packet, { address, port }) => {
    if (port === 0) return;
    const answer = handle(packet, address, 'udp');
    if (Buffer.isBuffer(answer)) send(answer, port, address);
    else answer?.then((late) => open && send(late, port, address));
  });
  const lost = new Promise<string>((resolve) => {
    socket.on('error', ({ message }) => resolve(message));
    socket.on('close', () => {
      open = false;
      resolve('closed');
    });
  });
  return { lost, probe: () => probe(at, 'udp'), close: () => open && socket.close() };
}

export async function openTcp(at: Address, handle: Handle): Promise<OpenSocket> {
  const connections = new Connections(at.address);
  const server = createServer({ noDelay: true }, (socket) => {
    if (connections.admit(socket)) serve(socket, handle);
    else socket.destroy();
  });
  server.listen({ host: at.address, port: at.port, exclusive: true });
  await ready(once(server, 'listening'), () => server.close());
  return {
    lost: lossOf(server),
    probe: () => probe(at, 'tcp'),
    close: () => {
      server.close();
      connections.destroy();
    },
  };
}

const lossOf = (server: Server): Promise<string> =>
  new Promise((resolve) => {
    server.on('error', ({ message }) => resolve(message));
    server.on('close', () => resolve('closed'));
  });

/** Who is connected, and who may. The host's own probe always finds a place. */
class Connections {
  readonly #own: string;
  readonly #open = new Set<Socket>();
  readonly #bySource = new Map<string, number>();

  constructor(own: string) {
    this.#own = own;
  }

  admit(socket: Socket): boolean {
    const source = socket.remoteAddress;
    if (source === undefined) return false;
    const count = this.#bySource.get(source) ?? 0;
    const full = this.#open.size >= mostConnections || count >= mostConnectionsPerSource;
    if (full && source !== this.#own) return false;
    this.#open.add(socket);
    this.#bySource.set(source, count + 1);
    socket.on('close', () => {
      this.#open.delete(socket);
      const left = (this.#bySource.get(source) ?? 1) - 1;
      if (left > 0) this.#bySource.set(source, left);
      else this.#bySource.delete(source);
    });
    return true;
  }

  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

/** Answers may leave in another order than the questions came (RFC 7766, 7). */
function serve(socket: Socket, handle: Handle): void {
  const source = socket.remoteAddress ?? '';
  const send = (answer: Buffer) => {
    if (socket.destroyed) return;
    if (socket.writableLength > mostUnsentTcp) socket.destroy();
    else socket.write(frame(answer));
  };
  const unframer = new Unframer((packet) => {
    if (socket.destroyed) return;
    const answer = handle(packet, source, 'tcp');
    if (Buffer.isBuffer(answer)) send(answer);
    else if (answer) void answer.then(send);
    else socket.destroy();
  });
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', ignore);
  socket.on('data', (chunk) => unframer.push(chunk));
}

/** A question of the class CHAOS: refused by every server, without a look at names or resolvers. */
const probeQuery = Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, recordType.SOA, 0, 3]);

const neverAborted = new AbortController().signal;

const probe = (at: Address, transport: Transport): Promise<Buffer> =>
  exchange(probeQuery, at, transport, {
    timeoutMs: probeTimeoutMs,
    signal: neverAborted,
  });

async function ready(listening: Promise<unknown>, close: () => void): Promise<void> {
  try {
    await listening;
  } catch (error) {
    close();
    throw error;
  }
}

function grow(set: () => void): void {
  try {
    set();
  } catch {
    // The kernel's own size serves too.
  }
}

const ignore = (): void => undefined;
