import { blockOf, covers, formatAddress, parseAddress } from '@shoal/proto/rules';
import type { NetworkState } from '../state/index.ts';
import type { Answer, Question } from './answer.ts';
import type { Upstream } from './exchange.ts';
import { type Clock, Forwarder } from './forwarder.ts';
import { keepOpen } from './kept-socket.ts';
import { type Handle, openTcp, openUdp } from './listen.ts';
import { NameTable, type NetworkIds, type Random } from './name-table.ts';
import { react } from './react.ts';

export interface DnsServerOptions {
  /** For the order of addresses; need not be secret. */
  readonly random: Random;
  readonly clock: Clock;
  readonly log: {
    debug(fields: object, message: string): void;
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  /** Where the asker at `source` looks for other names, read anew for each question: see `HostResolvers`. */
  readonly upstreams: (source: string) => readonly Upstream[];
  /**
   * The networks of the local container with this address; undefined if there is none. Needed for tasks that
   * start or stop, which are no endpoints and ask names all the same.
   */
  readonly networksOf?: (address: string) => NetworkIds | undefined;
  readonly port?: number;
}

const dnsPort = 53;
/** A new network's address comes with its bridge, within some tries (each half a second): what takes longer is worth a word. */
const quietTries = 10;

/** Where this host's containers ask: the first address of the first local slice of each subnet. */
export const gatewaysOf = ({ networks }: Pick<NetworkState, 'networks'>): string[] =>
  [...networks.values()].flatMap(({ subnets, slices }) =>
    subnets.flatMap((cidr) => {
      const subnet = blockOf(cidr);
      const first = slices.map(blockOf).find((slice) => covers(subnet, slice));
      return first ? [formatAddress(first.base + 1)] : [];
    }),
  );

interface Listener {
  readonly stop: AbortController;
  readonly done: Promise<unknown>;
}

/** Answers the containers of this host: names of the cluster itself, all others through the host's resolvers. */
export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #table: NameTable;
  readonly #forwarder: Forwarder;
  readonly #listeners = new Map<string, Listener>();
  #closed = false;

  constructor(options: DnsServerOptions) {
    this.#options = options;
    this.#table = new NameTable(options.random);
    // Our own address among the resolvers would send a question round for ever.
    const upstreams = (source: string) =>
      options.upstreams(source).filter(({ address }) => !this.#listeners.has(address));
    this.#forwarder = new Forwarder(upstreams, options.clock);
  }

  /** From now on answers follow `state`. Cheap where objects in it are the same as before. */
  update(state: Pick<NetworkState, 'networks' | 'services'>): void {
    this.#table.update(state);
  }

  /**
   * Listens on exactly these addresses, over UDP and TCP. Resolves once each has been tried: one that is not
   * there (yet), or taken, is tried again until it works or is not wanted any more.
   */
  async listenOn(addresses: readonly string[]): Promise<void> {
    if (this.#closed) throw new Error('the DNS server is closed');
    const wanted = new Set(addresses);
    const leaving = [...this.#listeners.keys()].filter((address) => !wanted.has(address));
    const coming = [...wanted].filter((address) => !this.#listeners.has(address));
    await Promise.all([
      ...leaving.map((each) => this.#stop(each)),
      ...coming.map((each) => this.#listen(each)),
    ]);
  }

  /** Clients that wait for an answer get none. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#forwarder.close();
    await Promise.all([...this.#listeners.keys()].map((address) => this.#stop(address)));
  }

  async #stop(address: string): Promise<void> {
    const listener = this.#listeners.get(address);
    this.#listeners.delete(address);
    listener?.stop.abort();
    await listener?.done;
  }

  async #listen(address: string): Promise<void> {
    const at = { address, port: this.#options.port ?? dnsPort };
    const handle: Handle = (packet, source, transport) => {
      const reaction = react(packet, transport, (question) => this.#answer(question, source));
      if (reaction.kind === 'reply') return reaction.packet;
      if (reaction.kind === 'drop') return undefined;
      const { query, beyondSite } = reaction;
      return this.#forwarder.forward(query, { transport, source, beyondSite });
    };
    const stop = new AbortController();
    const udp = this.#keep(() => openUdp(at, handle), { ...at, transport: 'udp' }, stop.signal);
    const tcp = this.#keep(() => openTcp(at, handle), { ...at, transport: 'tcp' }, stop.signal);
    this.#listeners.set(address, { stop, done: Promise.all([udp.done, tcp.done]) });
    await Promise.all([udp.tried, tcp.tried]);
  }

  #keep(open: Parameters<typeof keepOpen>[0], what: object, signal: AbortSignal) {
    const { log } = this.#options;
    const { promise: tried, resolve } = Promise.withResolvers<void>();
    let failed = 0;
    const onTried = (error: string | undefined) => {
      failed = error === undefined ? 0 : failed + 1;
      if (error === undefined) log.info(what, 'DNS socket open');
      else if (failed === 1) log.debug({ ...what, error }, 'DNS socket cannot open yet, tried again');
      else if (failed === quietTries) log.warn({ ...what, error }, 'DNS socket cannot open, tried again');
      resolve();
    };
    const onLost = (reason: string) => log.warn({ ...what, reason }, 'DNS socket lost, opened again');
    return { done: keepOpen(open, { signal, onTried, onLost }), tried };
  }

  #answer(question: Question, source: string): Answer {
    const networkIds = this.#networksOf(source);
    return networkIds ? this.#table.answer(question, networkIds) : { kind: 'refused' };
  }

  /**
   * The asker's own address decides, not the socket: a container can reach the gateways of networks it is not
   * on. Whoever has no address of the cluster is no container of it, and sees nothing.
   */
  #networksOf(source: string): NetworkIds | undefined {
    const local = this.#options.networksOf?.(source);
    if (local) return local;
    const address = parseAddress(source);
    if (address === undefined) return undefined;
    const own = this.#table.networkAt(address);
    if (own === undefined) return undefined;
    return this.#table.taskAt(own, address)?.networkIds ?? [own];
  }
}
