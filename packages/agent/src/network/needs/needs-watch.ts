import { lookup } from 'node:dns/promises';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Underlay } from '@shoal/proto';
import type { Logger } from 'pino';
import { run } from '../kernel/index.ts';
import { type HostLinks, linksIn } from './host-links.ts';
import { type HostFacts, type Needs, needsOf } from './needs.ts';

/** Addresses, routes and resolvers of a host change seldom, and nothing reports all of these changes. */
const lookMs = 5_000;
/** A name that was found is asked for again after this time, while there is a session. */
const nameMs = 60_000;
const lookupMs = 1_500;
const routesMs = 30_000;
/** Nobody's address (RFC 5737, TEST-NET-3): the way to it is the default route's. */
const anywhere = '203.0.113.1';

export interface NeedsWatchOptions {
  /** HOST:PORT. */
  readonly manager: string;
  /** Where the manager's addresses are kept, if it is called by a name. */
  readonly stateDir: string;
  readonly advertiseAddr: string;
  readonly probePort: number;
  readonly runsManager: boolean;
  /** Addresses that the host's `resolv.conf` names. */
  readonly resolvers: () => readonly string[];
  /** A session with the manager is up. */
  readonly connected: () => boolean;
  readonly onChange: () => void;
  readonly log: Logger;
}

interface Remembered {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Of the places in connection tracking. */
const fullAt = 0.99;
const emptyAt = 0.9;

/** Where the manager listens. */
export interface ManagerAt {
  readonly address: string;
  readonly port: number;
}

/** Where this host answers probes. */
export interface ProbesAt {
  readonly address: string;
  readonly port: number;
  /** Their addresses: they ask, too. */
  readonly managers: readonly string[];
}

/** Keeps up to date what this host needs for itself, see `Needs`. */
export class NeedsWatch {
  readonly #options: NeedsWatchOptions;
  readonly #name: string;
  readonly #port: number;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #facts: HostFacts;
  #links: HostLinks = { defaultBridge: undefined, others: [] };
  #needs: Needs;
  #untracked: readonly ManagerAt[] = [];
  #probes: ProbesAt;
  /** The name was found when it was last asked for. */
  #isNamed = true;
  #namedAt = Number.NEGATIVE_INFINITY;
  #tries = 0;
  #routedAt = Number.NEGATIVE_INFINITY;

  constructor(options: NeedsWatchOptions) {
    this.#options = options;
    const { manager, advertiseAddr, probePort, runsManager } = options;
    const colon = manager.lastIndexOf(':');
    this.#name = manager.slice(0, colon);
    this.#port = Number(manager.slice(colon + 1));
    this.#facts = {
      advertiseAddr,
      probePort,
      runsManager,
      managerPort: this.#port,
      managers: isIP(this.#name) === 4 ? [this.#name] : [],
      resolvers: options.resolvers(),
      gateways: [],
      own: ownAddresses(),
    };
    this.#needs = needsOf(this.#facts);
    this.#probes = probesAt(this.#facts);
  }

  /** HOST:PORT to try now: while nobody says where the name is, in turns with the addresses that it had last. */
  get manager(): string {
    if (this.#isNamed) return this.#options.manager;
    const places = [this.#name, ...this.#facts.managers];
    return `${places[this.#tries++ % places.length]}:${this.#port}`;
  }

  get needs(): Needs {
    return this.#needs;
  }

  /** The manager's addresses while connection tracking is full, so that nothing sent there needs a place in it. */
  get untracked(): readonly ManagerAt[] {
    return this.#untracked;
  }

  /** The same object for as long as it says the same. */
  get probes(): ProbesAt {
    return this.#probes;
  }

  /** For the manager: what no network of the cluster should cover. */
  get underlay(): Underlay {
    return {
      addresses: [...this.#needs.addresses.keys()],
      subnets: [...linkSubnets(this.#options.advertiseAddr), ...this.#links.others],
      defaultBridge: this.#links.defaultBridge ?? '',
    };
  }

  /** Resolves after the first look. Never rejects. */
  async start(): Promise<void> {
    if (isIP(this.#name) === 0) this.#facts = { ...this.#facts, managers: await this.#remembered() };
    this.#needs = needsOf(this.#facts);
    this.#probes = probesAt(this.#facts);
    await this.#look();
    this.#next();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #next(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#look().then(() => this.#next()), lookMs);
  }

  async #look(): Promise<void> {
    try {
      await this.#lookNow();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'what this host needs for itself could not be looked at');
    }
  }

  async #lookNow(): Promise<void> {
    const before = this.#facts;
    const resolvers = this.#options.resolvers();
    const own = ownAddresses();
    const links = linksIn(await readFile('/proc/net/route', 'utf8').catch(() => ''), own);
    const managers = await this.#managers();
    const moved =
      !isDeepStrictEqual([before.managers, before.resolvers, before.own], [managers, resolvers, own]) ||
      performance.now() - this.#routedAt > routesMs;
    const gateways = moved ? await this.#gateways([...managers, ...resolvers]) : before.gateways;
    const untracked = await this.#full(managers, own);
    if (this.#closed) return;
    this.#facts = { ...before, managers, resolvers, own, gateways, defaultBridge: links.defaultBridge };
    const needs = needsOf(this.#facts);
    const probes = probesAt(this.#facts);
    const known = [this.#needs, this.#untracked, this.#links, this.#probes];
    if (isDeepStrictEqual([needs, untracked, links, probes], known)) return;
    this.#links = links;
    this.#needs = needs;
    this.#untracked = isDeepStrictEqual(untracked, this.#untracked) ? this.#untracked : untracked;
    this.#probes = isDeepStrictEqual(probes, this.#probes) ? this.#probes : probes;
    this.#options.onChange();
  }

  /** By its name, the host's own way: what was found last is kept while nobody answers. */
  async #managers(): Promise<readonly string[]> {
    const known = this.#facts.managers;
    if (isIP(this.#name) !== 0) return known;
    const fresh = performance.now() - this.#namedAt < nameMs;
    if (fresh && known.length > 0 && this.#options.connected()) return known;
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, lookupMs, undefined);
    const asked = lookup(this.#name, { all: true, family: 4 }).catch(() => undefined);
    const found = await Promise.race([asked, late]);
    clearTimeout(timer);
    this.#isNamed = found !== undefined && found.length > 0;
    if (!found || !this.#isNamed) return known;
    this.#namedAt = performance.now();
    const addresses = found.map(({ address }) => address).sort();
    if (!isDeepStrictEqual(addresses, known)) await this.#remember(addresses);
    return addresses;
  }

  get #file(): string {
    return join(this.#options.stateDir, 'manager-addresses.json');
  }

  async #remembered(): Promise<readonly string[]> {
    try {
      const { name, addresses } = JSON.parse(await readFile(this.#file, 'utf8')) as Remembered;
      return name === this.#name ? addresses.filter((address) => isIP(address) === 4) : [];
    } catch {
      return [];
    }
  }

  /** Only a help for bad times: going on without it is fine. */
  async #remember(addresses: readonly string[]): Promise<void> {
    const remembered: Remembered = { name: this.#name, addresses };
    try {
      await writeFile(`${this.#file}.new`, JSON.stringify(remembered), { mode: 0o600 });
      await rename(`${this.#file}.new`, this.#file);
    } catch (error) {
      this.#options.log.warn({ err: error, path: this.#file }, "the manager's addresses are not kept");
    }
  }

  async #gateways(to: readonly string[]): Promise<readonly string[]> {
    const addresses = [...to, anywhere].filter((address) => isIP(address) === 4);
    // One that can't be reached at all has no gateway.
    const get = (address: string) => run('ip', ['-4', 'route', 'get', address]).catch(() => '');
    const ways = await Promise.all(addresses.map(get));
    this.#routedAt = performance.now();
    return gatewaysIn(ways.join('\n'));
  }

  async #full(managers: readonly string[], own: readonly string[]): Promise<readonly ManagerAt[]> {
    const already = this.#untracked.length > 0;
    const [count = 0, most = 0] = await Promise.all([tracking('count'), tracking('max')]);
    const isHere = managers.some((address) => own.includes(address));
    const full = goesUntracked({ count, most, isHere, already, connected: this.#options.connected() });
    if (full && !already)
      this.#options.log.error(
        { count, most },
        'connection tracking is full (nf_conntrack_max): this host drops new connections, but for those to the manager',
      );
    return full ? managers.map((address) => ({ address, port: this.#port })) : [];
  }
}

/**
 * Whether packets to and from the manager go without connection tracking, since that has no place for them. The manager's
 * host does so for all; others only once they are cut off: a firewall that lets in what is tracked would else end a
 * session that lives.
 */
export function goesUntracked(host: {
  readonly count: number;
  readonly most: number;
  readonly isHere: boolean;
  readonly connected: boolean;
  readonly already: boolean;
}): boolean {
  const { count, most, isHere, connected, already } = host;
  if (connected && !isHere && !already) return false;
  // A place that is free for a moment is the next one's; and what made it full may have ended for a moment only.
  return most > 0 && count >= most * (already ? emptyAt : fullAt);
}

const probesAt = ({ advertiseAddr, probePort, managers }: HostFacts): ProbesAt => ({
  address: advertiseAddr,
  port: probePort,
  managers,
});

const ownAddresses = (): string[] =>
  Object.entries(networkInterfaces())
    .filter(([name]) => !name.startsWith('sh.'))
    .flatMap(([, all = []]) => all.filter(({ family }) => family === 'IPv4').map(({ address }) => address))
    .sort();

/** What the link of the host's address holds, CIDR. */
export const linkSubnets = (address: string): string[] =>
  Object.values(networkInterfaces()).flatMap((all = []) =>
    all.some((each) => each.address === address)
      ? all.flatMap(({ family, cidr }) => (family === 'IPv4' && cidr ? [cidr] : []))
      : [],
  );

/** Next hosts in what `ip route get` says; those behind devices of ours are what must not be. */
export function gatewaysIn(text: string): string[] {
  const found = text.split('\n').flatMap((line) => {
    const [, via, device = ''] = / via (\d+\.\d+\.\d+\.\d+) dev (\S+)/.exec(line) ?? [];
    return via && !device.startsWith('sh.') ? [via] : [];
  });
  return [...new Set(found)].sort();
}

async function tracking(what: 'count' | 'max'): Promise<number | undefined> {
  const text = await readFile(`/proc/sys/net/netfilter/nf_conntrack_${what}`, 'utf8').catch(() => '');
  return text === '' ? undefined : Number(text);
}
