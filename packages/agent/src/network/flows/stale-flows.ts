import { networkInterfaces } from 'node:os';
import type { Logger } from 'pino';
import { CommandError } from '../kernel/index.ts';
import type { NetworkState, ServiceEndpoints } from '../state/index.ts';
import { answering } from './open-connections.ts';

/**
 * UDP has no end: a client that keeps sending would reach an endpoint that is gone for as long as it sends. Connections
 * end by themselves, those of an endpoint about to stop even have to.
 */
const endless = [['-p', 'udp']];
/**
 * But one that nobody has answered yet never will be. Forgotten, its next attempt (TCP's comes after a second) goes to
 * another endpoint. Kept, it would lead there also later clients that come to use the same port: for two minutes.
 * Connection tracking calls an SCTP association CLOSED until it is answered (Linux 5.6 and later), and once it has ended.
 */
const unanswered = [
  ['-p', 'tcp', '--state', 'SYN_SENT'],
  ['-p', 'sctp', '--state', 'CLOSED'],
];
/**
 * Closed connections are remembered for up to two minutes. When a container stops, its Docker daemon lists what leads to its
 * address, and then deletes that one by one. What a client has meanwhile begun from the same port is another connection
 * by then, to a living endpoint, and would be deleted in its place. `conntrack` deletes while it lists: nothing is left for
 * the daemon, and what comes between takes a hundredth of the time.
 */
const closed = [
  ['-p', 'tcp', '--state', 'TIME_WAIT'],
  ['-p', 'tcp', '--state', 'CLOSE'],
];
/** `conntrack -D` gives up at a flow that ends just before its turn: so often it goes on with what is left. */
const mostTries = 10;
/** What was on its way to a living endpoint is answered within this time. */
export const answerMs = 250;

export interface StaleFlowsOptions {
  /** Runs the command `conntrack`; gives what it printed. */
  readonly conntrack: (args: readonly string[]) => Promise<string>;
  readonly log: Logger;
}

/** Makes the kernel's connection tracking forget what leads to endpoints that are gone. */
export class StaleFlows {
  readonly #options: StaleFlowsOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  #state: NetworkState | undefined;
  #closed = false;
  #saidTrouble = false;

  constructor(options: StaleFlowsOptions) {
    this.#options = options;
  }

  /** The rules are as this state wants them. Resolves when nothing endless is left; never rejects. */
  async forget(state: NetworkState): Promise<void> {
    const before = this.#state;
    this.#state = state;
    if (this.#closed) return;
    const gone = goneAddresses(before, state);
    if (gone.length > 0) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        const stillGone = new Set(goneAddresses(before, this.#state ?? state));
        void this.#delete(
          unanswered,
          gone.filter((address) => stillGone.has(address)),
        );
      }, answerMs);
      this.#timers.add(timer);
    }
    await this.#delete(endless, gone);
    if (before) await this.#forgetMoved(newUdpPorts(before, state), lostUdpPorts(before, state));
  }

  /** To be called before a container with these addresses stops, when no new connections go there any more. Never rejects. */
  forgetClosed(addresses: readonly string[]): Promise<void> {
    return this.#delete(closed, addresses);
  }

  /**
   * These ports, as `udp/4789`, are no longer published by a service. Connections that the service got would go on for as long
   * as packets come, with VXLAN for ever. Never rejects.
   */
  async forgetLedAway(ports: Iterable<string>): Promise<void> {
    for (const port of ports) {
      const [protocol = '', number = ''] = port.split('/');
      // TCP connections to the wrong one end by themselves.
      if (protocol !== 'udp') continue;
      await this.#conntrack('-D', '-p', protocol, '--orig-port-dst', number, '--dst-nat');
    }
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** Those that lead to the host itself at ports of services, and to services at ports that are theirs no longer. */
  async #forgetMoved(gained: readonly number[], lost: readonly number[]): Promise<void> {
    if (gained.length + lost.length === 0) return;
    const flows = await this.#conntrack('-L', '-p', 'udp');
    const ports = new Set([...gained, ...lost]);
    for (const { address, port, isAway } of atHost(flows, hostAddresses(), ports)) {
      if (!(isAway ? lost : gained).includes(port)) continue;
      const way = isAway ? ['--dst-nat'] : ['--reply-src', address];
      await this.#conntrack(
        '-D',
        '-p',
        'udp',
        '--orig-port-dst',
        String(port),
        '--orig-dst',
        address,
        ...way,
      );
    }
  }

  async #delete(kinds: readonly (readonly string[])[], addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return;
    for (const kind of kinds) {
      // With a network, thousands may go at once; few of them have such a flow.
      const flows = await this.#conntrack('-L', ...kind);
      for (const address of withFlows(flows, addresses))
        await this.#conntrack('-D', ...kind, '--reply-src', address);
    }
  }

  async #conntrack(...args: string[]): Promise<string> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#options.conntrack(args);
      } catch (error) {
        const says = error instanceof CommandError ? error.stderr : '';
        // All that it looked for have ended meanwhile.
        if (/0 flow entries/.test(says)) return '';
        if (/such conntrack doesn't exist/.test(says) && tries < mostTries) continue;
        if (!this.#saidTrouble)
          this.#options.log.warn(
            { err: error },
            'clients may stay with endpoints that are gone: conntrack does not work (Debian package conntrack)',
          );
        this.#saidTrouble = true;
        return '';
      }
    }
  }
}

/**
 * UDP ports that are published now and were not: something on the host may have answered there, and who keeps sending would
 * never reach the service.
 */
function newUdpPorts(before: NetworkState, now: NetworkState): number[] {
  const had = new Set(udpPorts(before));
  return udpPorts(now).filter((port) => !had.has(port));
}

/** UDP ports that a service had, which is there still: with its endpoints, all flows to them go anyway. */
const lostUdpPorts = (before: NetworkState, now: NetworkState): number[] =>
  [...before.services].flatMap(([id, old]) => {
    const service = now.services.get(id);
    if (!service || service === old) return [];
    const has = new Set(udpPortsOf(service));
    return udpPortsOf(old).filter((port) => !has.has(port));
  });

const udpPorts = ({ services }: NetworkState): number[] => [...services.values()].flatMap(udpPortsOf);

const udpPortsOf = ({ published }: ServiceEndpoints): number[] =>
  published.flatMap((port) => (port.protocol === 'udp' ? [port.published] : []));

const hostAddresses = (): Set<string> =>
  new Set(Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address)));

/** Of what `conntrack -L` lists, addresses and ports of the host that are asked, and whether it is another that answers. */
export function atHost(
  flows: string,
  host: ReadonlySet<string>,
  ports: ReadonlySet<number>,
): readonly { readonly address: string; readonly port: number; readonly isAway: boolean }[] {
  const found = new Map<string, { address: string; port: number; isAway: boolean }>();
  for (const flow of flows.split('\n')) {
    const [, address = '', dport] = / dst=(\S+) sport=\d+ dport=(\d+)/.exec(flow) ?? [];
    const port = Number(dport);
    const isAway = answering(flow) !== address;
    if (host.has(address) && ports.has(port))
      found.set(`${address} ${port} ${isAway}`, { address, port, isAway });
  }
  return [...found.values()];
}

/** Those of the addresses that answer in a flow of what `conntrack -L` lists. */
export function withFlows(flows: string, addresses: readonly string[]): Set<string> {
  const seen = new Set(flows.split('\n').map(answering));
  return new Set(addresses.filter((address) => seen.has(address)));
}

/** Addresses that got traffic through a service and no longer do. */
export function goneAddresses(before: NetworkState | undefined, now: NetworkState): string[] {
  const gone: string[] = [];
  for (const [id, old] of before?.services ?? []) {
    const current = now.services.get(id);
    if (current === old) continue;
    const kept = new Set(current?.endpoints.flatMap(({ addresses }) => Object.values(addresses)));
    for (const { addresses } of old.endpoints)
      gone.push(...Object.values(addresses).filter((address) => !kept.has(address)));
  }
  return gone;
}
