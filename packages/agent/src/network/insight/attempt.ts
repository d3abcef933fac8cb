import { connect } from 'node:net';
import { Limiter } from '../../task/index.ts';
import { exchange, flag, headerLength, recordType, responseCode } from '../dns/index.ts';
import { question } from './own-names.ts';
import { ping } from './ping.ts';

/** What one user does once. Nothing is sent to an application but the opening of a connection that is closed at once. */
export type Attempt =
  | { readonly kind: 'ping'; readonly address: string }
  /** One of these addresses must be among the answers. */
  | { readonly kind: 'name'; readonly name: string; readonly addresses: readonly string[] }
  | { readonly kind: 'connect'; readonly address: string; readonly port: number };

/** Why it failed, in words for people; empty: it works. Undefined: there was no time left to try. */
export type Outcome = string | undefined;

/** Attempts at a time. */
const width = 16;
const patienceMs = 2_000;
/** Docker's own name server in every container, which passes on to the host's. */
const dockerDns = { address: '127.0.0.11', port: 53 };

/** Tries all from the network namespace of this process; begins none after `ms`. Never rejects. `id`: see `Ping`. */
export async function attemptAll(attempts: readonly Attempt[], id: number, ms: number): Promise<Outcome[]> {
  const deadline = performance.now() + ms;
  const limiter = new Limiter(width);
  return Promise.all(
    attempts.map((attempt) =>
      limiter.run(async () =>
        performance.now() > deadline
          ? undefined
          : once(attempt, id).catch((error) => (error instanceof Error ? error.message : String(error))),
      ),
    ),
  );
}

async function once(attempt: Attempt, id: number): Promise<string> {
  switch (attempt.kind) {
    case 'ping': {
      const { answered, trouble } = await ping({ address: attempt.address, id, size: 0 });
      return answered ? '' : trouble || 'no answer';
    }
    case 'name':
      return lookUp(attempt.name, attempt.addresses);
    case 'connect':
      return open(attempt.address, attempt.port);
  }
}

async function lookUp(name: string, addresses: readonly string[]): Promise<string> {
  const options = { timeoutMs: patienceMs, signal: new AbortController().signal };
  const query = question(name);
  const short = await exchange(query, dockerDns, 'udp', options);
  const isCut = (short.readUInt16BE(2) & flag.truncated) !== 0;
  const answer = isCut ? await exchange(query, dockerDns, 'tcp', options) : short;
  const code = answer.readUInt16BE(2) & 0xf;
  if (code !== responseCode.noError) return `the name ${name} is answered with code ${code}`;
  const found = answersIn(answer, query.length);
  if (addresses.some((address) => found.includes(address))) return '';
  return `the name ${name} stands for ${found.join(', ') || 'nothing'} instead of ${addresses.join(' or ')}`;
}

/** IPv4 addresses in the answers of a response whose question ends at `at`. Names in answers are pointers (RFC 1035, 4.1.4), or read over. */
export function answersIn(message: Buffer, at: number): string[] {
  const found: string[] = [];
  let offset = Math.max(at, headerLength);
  for (let left = message.readUInt16BE(6); left > 0 && offset < message.length; left--) {
    while (offset < message.length && (message[offset] ?? 0) > 0 && (message[offset] ?? 0) < 0xc0)
      offset += (message[offset] ?? 0) + 1;
    offset += (message[offset] ?? 0) >= 0xc0 ? 2 : 1;
    if (offset + 10 > message.length) break;
    const length = message.readUInt16BE(offset + 8);
    if (message.readUInt16BE(offset) === recordType.A && length === 4)
      found.push([...message.subarray(offset + 10, offset + 14)].join('.'));
    offset += 10 + length;
  }
  return found;
}

/** A refusal is an answer, too: the way is well, and nothing listens there, which may be right. */
function open(address: string, port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host: address, port });
  const timer = setTimeout(() => socket.destroy(new Error('no answer')), patienceMs);
  socket.on('connect', () => socket.destroy());
  socket.on('error', (error: NodeJS.ErrnoException) =>
    resolve(error.code === 'ECONNREFUSED' ? '' : error.message),
  );
  socket.on('close', () => {
    clearTimeout(timer);
    resolve('');
  });
  return promise;
}
