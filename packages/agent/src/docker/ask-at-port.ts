import { get } from 'node:http';
import { connect } from 'node:net';
import type { Question } from '../task/index.ts';

export const noAnswer = (timeoutMs: number): string => `no answer within ${timeoutMs} ms`;

/** What is wrong with a container's answer at its port; empty when it is good. Rejects with the signal's reason when that fires. */
export async function askAtPort(
  address: string,
  { port, path, timeoutMs, highestStatus }: Omit<Question, 'command'>,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  if (address === '') return 'it has no address at which its host could ask';
  const late = AbortSignal.timeout(timeoutMs);
  const end = AbortSignal.any([signal, late]);
  const asked = path
    ? askedByHttp({ host: address, port, path, highestStatus }, end)
    : connected(address, port, end);
  try {
    return await asked;
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) return noAnswer(timeoutMs);
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ECONNREFUSED' ? `nothing listens on port ${port}` : message;
  }
}

interface ByHttp {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly highestStatus: number;
}

function askedByHttp({ highestStatus, ...at }: ByHttp, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  // Without an agent: a connection of its own, as a client's would be.
  const request = get({ ...at, signal, agent: false, headers: { 'User-Agent': 'shoal' } });
  request.on('error', reject);
  // What is no answer, as `101 Switching Protocols`, ends the connection without an error.
  request.on('close', () => reject(new Error('no answer by HTTP')));
  request.on('response', ({ statusCode = 0 }) => {
    request.destroy();
    resolve(statusCode >= 200 && statusCode <= highestStatus ? '' : `HTTP ${statusCode}`);
  });
  return promise;
}

function connected(host: string, port: number, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host, port, signal });
  socket.on('error', reject);
  socket.on('connect', () => {
    socket.destroy();
    resolve('');
  });
  return promise;
}
