import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { endOfName, flag, headerLength } from './query.ts';
import type { Transport } from './react.ts';
import { frame, Unframer } from './tcp-framing.ts';

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

export interface ExchangeOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Asks one server one question, over a socket of its own: the kernel gives it a random port and lets only
 * that server's packets in. Rejects when the server is not reached, says nothing in time, or `signal` aborts.
 */
export const exchange = (
  query: Buffer,
  to: Upstream,
  transport: Transport,
  options: ExchangeOptions,
): Promise<Buffer> =>
  transport === 'udp' ? exchangeUdp(query, to, options) : exchangeTcp(query, to, options);

function exchangeUdp(query: Buffer, to: Upstream, options: ExchangeOptions): Promise<Buffer> {
  const socket = createSocket(isIPv6(to.address) ? 'udp6' : 'udp4');
  return runOnce(
    to,
    options,
    () => socket.close(),
    (done, fail) => {
      socket.on('error', fail);
      socket.on('message', (message) => isAnswerTo(query, message) && done(message));
      socket.connect(to.port, to.address, () => socket.send(query, (error) => error && fail(error)));
    },
  );
}

function exchangeTcp(query: Buffer, to: Upstream, options: ExchangeOptions): Promise<Buffer> {
  const socket = connect({ host: to.address, port: to.port, noDelay: true });
  return runOnce(
    to,
    options,
    () => socket.destroy(),
    (done, fail) => {
      const unframer = new Unframer((message) => isAnswerTo(query, message) && done(message));
      socket.on('error', fail);
      socket.on('close', () => fail(new Error('connection closed before the answer')));
      socket.on('data', (chunk) => unframer.push(chunk));
      socket.write(frame(query));
    },
  );
}

/** Runs `start` until it is done, has failed, was aborted or took too long; then `clean`, exactly once. */
function runOnce(
  { address, port }: Upstream,
  { timeoutMs, signal }: ExchangeOptions,
  clean: () => void,
  start: (done: (answer: Buffer) => void, fail: (error: Error) => void) => void,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let isOver = false;
  const end = (give: () => void) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    clean();
    give();
  };
  const fail = (error: Error) => end(() => reject(error));
  const abort = () => fail(new Error(`question to ${address}:${port} given up`));
  const timer = setTimeout(
    () => fail(new Error(`no answer from ${address}:${port} in ${timeoutMs} ms`)),
    timeoutMs,
  );
  signal.addEventListener('abort', abort);
  start((answer) => end(() => resolve(answer)), fail);
  return promise;
}

/**
 * Same id and same question, in whatever case. A server that could not read the question answers without one.
 */
export function isAnswerTo(query: Buffer, message: Buffer): boolean {
  if (message.length < headerLength || message.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  const flags = message.readUInt16BE(2);
  if ((flags & flag.response) === 0) return false;
  const questions = message.readUInt16BE(4);
  if (questions === 0) return (flags & 0xf) !== 0;
  const end = endOfName(query, headerLength, false);
  if (questions !== 1 || end === undefined || end + 4 > message.length) return false;
  const question = (from: Buffer) => from.toString('latin1', headerLength, end).toLowerCase();
  return question(query) === question(message) && query.compare(message, end, end + 4, end, end + 4) === 0;
}
