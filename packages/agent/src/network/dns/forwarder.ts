import { randomInt } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { BlockList, isIPv6 } from 'node:net';
import { exchange, isAnswerTo, type Upstream } from './exchange.ts';
import { type Query, responseCode } from './query.ts';
import type { Transport } from './react.ts';
import { writeError } from './response.ts';

/** Milliseconds since the epoch. */
export type Clock = () => number;

/** Each question under way holds a socket. */
const mostPending = 1_024;
/** One container alone can't use up all of them. */
const mostPendingPerSource = 256;
const timeoutMs = 2_000;
/** After that long, a server that did not answer is asked in its turn again. */
const distrustMs = 10_000;

/**
 * Passes questions on to the host's resolvers as they are, with an id of our own, and their answers back.
 * One resolver after the other; those that failed lately come last. Nothing is cached: the resolvers do that.
 */
export class Forwarder {
  readonly #upstreams: (source: string) => readonly Upstream[];
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #pendingOf = new Map<string, number>();
  readonly #failedAt = new Map<string, number>();
  #pending = 0;

  constructor(upstreams: (source: string) => readonly Upstream[], clock: Clock) {
    this.#upstreams = upstreams;
    this.#clock = clock;
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * Resolves to a server's answer, or to SERVFAIL: without a usable server, when all failed, or when too many
   * questions (of `source`, or of all) wait already. `beyondSite`: servers with public addresses may be asked;
   * without any other server, NXDOMAIN is what they would say.
   */
  async forward(
    query: Query,
    { transport, source, beyondSite }: { transport: Transport; source: string; beyondSite: boolean },
  ): Promise<Buffer> {
    const all = this.#upstreams(source);
    const usable = beyondSite ? all : all.filter(({ address }) => !isPublic(address));
    if (usable.length === 0 && all.length > 0) return writeError(query.packet, responseCode.nameError, query);
    const ofSource = this.#pendingOf.get(source) ?? 0;
    if (this.#pending >= mostPending || ofSource >= mostPendingPerSource) return failure(query);
    this.#pending++;
    this.#pendingOf.set(source, ofSource + 1);
    try {
      return await this.#askEach(query, this.#inOrder(usable), transport);
    } finally {
      this.#pending--;
      this.#release(source);
    }
  }

  /** Questions under way are answered with SERVFAIL. */
  close(): void {
    this.#closing.abort();
  }

  async #askEach(query: Query, servers: readonly Upstream[], transport: Transport): Promise<Buffer> {
    for (const server of servers) {
      if (this.#closing.signal.aborted) break;
      const answer = await this.#ask(query, server, transport);
      if (answer) return answer;
    }
    return failure(query);
  }

  /** Undefined if the server can't help: as in Docker, a server that fails or refuses is not the last word. */
  async #ask({ packet }: Query, server: Upstream, transport: Transport): Promise<Buffer | undefined> {
    const key = `${server.address} ${server.port}`;
    const asked = Buffer.from(packet);
    asked.writeUInt16BE(randomInt(0x10000), 0);
    try {
      const answer = await exchange(asked, server, transport, { timeoutMs, signal: this.#closing.signal });
      this.#failedAt.delete(key);
      const code = (answer[3] ?? 0) & 0xf;
      if (code === responseCode.serverFailure || code === responseCode.refused) return undefined;
      answer.writeUInt16BE(packet.readUInt16BE(0), 0);
      return isAnswerTo(packet, answer) ? answer : undefined;
    } catch {
      this.#failedAt.set(key, this.#clock());
      return undefined;
    }
  }

  #inOrder(servers: readonly Upstream[]): readonly Upstream[] {
    if (this.#failedAt.size === 0) return servers;
    const since = this.#clock() - distrustMs;
    for (const [key, at] of this.#failedAt) if (at < since) this.#failedAt.delete(key);
    const [good, failed] = [[], []] as [Upstream[], Upstream[]];
    for (const server of servers)
      (this.#failedAt.has(`${server.address} ${server.port}`) ? failed : good).push(server);
    return [...good, ...failed];
  }

  #release(source: string): void {
    const left = (this.#pendingOf.get(source) ?? 1) - 1;
    if (left > 0) this.#pendingOf.set(source, left);
    else this.#pendingOf.delete(source);
  }
}

const failure = (query: Query): Buffer => writeError(query.packet, responseCode.serverFailure, query);

const site = new BlockList();
for (const [address, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  site.addSubnet(address, prefix, 'ipv4');
for (const [address, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  site.addSubnet(address, prefix, 'ipv6');

/** Whether an address is outside of loopback, link-local, private and shared ranges. */
function isPublic(address: string): boolean {
  const [bare = ''] = address.split('%');
  return !site.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
}
