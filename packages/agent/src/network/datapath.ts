import type { Logger } from 'pino';
import { type BridgeDriver, Bridges } from './bridges/index.ts';
import { clearWay } from './clear-way.ts';
import { WireGuard } from './encryption/index.ts';
import { StaleFlows } from './flows/index.ts';
import { ensureHairpin, ensureHostSettings, ensureIp } from './ip/index.ts';
import { type Hint, networkMtu, type PresentLink, Runner, run, underlayMtu, Watch } from './kernel/index.ts';
import type { Needs } from './needs/index.ts';
import {
  DockerRules,
  type HostRules,
  isSilent,
  planTable,
  readTcpTimeouts,
  readTraffic,
  TableKeeper,
  type Traffic,
  usualRules,
} from './nft/index.ts';
import { Repairs, withoutNewDevices } from './repairs.ts';
import { bridgePrefix, bridgesOf, type NetworkState } from './state/index.ts';
import { Troubles } from './troubles.ts';

export interface DataPathOptions {
  readonly bridges: BridgeDriver;
  /** Where this host's WireGuard key is kept. */
  readonly stateDir: string;
  readonly log: Logger;
}

/** How often to look at what reports no changes. */
const tickMs = 4_000;
/** Everything is compared with the kernel at least so often, but for no more than a hundredth of the time. */
const verifyMs = 60_000;
const verifyShare = 100;
const everything: readonly Hint[] = ['nft', 'ip', 'docker'];
/** How long a look waits for further hints. */
const hintMs = 100;
const shortTimeouts =
  'a connection of which one side has said that it sends no more ends after a minute: the kernel has no timeouts for rules (CONFIG_NF_CONNTRACK_TIMEOUT)';
const retrying = 'data path: trying again';

/**
 * Makes the kernel of this host do what the cluster's networks need. What is in the kernel already is adopted,
 * never flushed: traffic goes on while this process is gone, and while it starts again.
 */
export class DataPath {
  readonly staleFlows: StaleFlows;
  readonly #log: Logger;
  readonly #wireguard: WireGuard;
  readonly #bridges: Bridges;
  readonly #table = new TableKeeper();
  readonly #runner: Runner;
  readonly #watch: Watch;
  readonly #timers: NodeJS.Timeout[] = [];
  #state: NetworkState | undefined;
  #applied: NetworkState | undefined;
  /** What to compare with the kernel at the next run. */
  #look = new Set<Hint>(['nft', 'ip', 'docker', 'port']);
  #links: readonly PresentLink[] = [];
  #verifiedAt = 0;
  #verifyEveryMs = verifyMs;
  readonly #troubles: Troubles;
  #hostTroubles: readonly string[] = [];
  #hintTimer: NodeJS.Timeout | undefined;
  /** Since the last `verify` began. */
  readonly #repairs: Repairs;
  readonly #dockerRules = new DockerRules();
  #silentDocker = false;
  #needs: Needs = { addresses: new Map(), subnets: new Map(), ports: new Map() };
  /** The needs whose ports no connection to a service has any more. */
  #cleared: Needs | undefined;
  #rules = usualRules;

  constructor({ bridges, stateDir, log }: DataPathOptions) {
    this.#log = log.child({ component: 'network' });
    this.#wireguard = new WireGuard(stateDir);
    this.#troubles = new Troubles(this.#log);
    this.staleFlows = new StaleFlows({ conntrack: (args) => run('conntrack', args), log: this.#log });
    this.#repairs = new Repairs(this.#log);
    this.#bridges = new Bridges({ driver: bridges, log: this.#log, onChange: () => this.#hint('ip') });
    this.#runner = new Runner(
      () => this.#reconcile(),
      (error) => this.#troubles.note(retrying, error),
    );
    this.#watch = new Watch({ onHint: (hint) => this.#hint(hint), isOwn: () => this.#table.isOwn() });
  }

  async start(): Promise<void> {
    await this.#ensureSettings();
    this.#silentDocker = await isSilent();
    this.#rules = { ...this.#rules, timeouts: await readTcpTimeouts() };
    if (!this.#rules.timeouts) this.#log.warn(shortTimeouts);
    this.#watch.start();
    this.#timers.push(setInterval(() => this.#tick(), tickMs));
  }

  /** Stops looking after the kernel; what is in it stays. */
  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#hintTimer);
    this.#watch.close();
    this.#bridges.close();
    this.staleFlows.close();
    this.#runner.close();
  }

  /**
   * Resolves once this state, or a newer one, is in the kernel. What is the same object as before is not looked at. The state
   * covers nothing of `needs`; what in the kernel still does is removed. `untracked`, `probes`: see `HostRules`. Docker networks
   * may come later: see `ready`.
   * Tries again until it succeeds; rejects when the data path is closed before.
   */
  apply(
    state: NetworkState,
    { needs, untracked, probes }: { readonly needs: Needs } & Pick<HostRules, 'untracked' | 'probes'>,
  ): Promise<void> {
    this.#state = state;
    if (untracked !== this.#rules.untracked || probes !== this.#rules.probes)
      this.#rules = { ...this.#rules, untracked, probes };
    if (needs !== this.#needs) this.#look.add('ip');
    this.#needs = needs;
    return this.#runner.run();
  }

  /** The Docker daemon is gone. When it is back, maybe of another version, all that it did is looked at. */
  daemonLost(): void {
    this.#bridges.forget();
  }

  /** The Docker daemon is there again. */
  daemonFound(): void {
    this.#hint('ip');
    this.#hint('docker');
  }

  /**
   * Before anything is known of the networks: what an earlier agent left must not keep this one from the manager.
   * Tries again until it succeeds; rejects when the data path is closed before.
   */
  async clearWay(needs: Needs): Promise<void> {
    if (this.#state) return;
    this.#needs = needs;
    await this.#runner.run();
  }

  /**
   * Resolves once containers can be attached to this network's Docker networks (`bridgesOf` names them). Rejects
   * if the state has no such network, or no slice of it here, also when it is lost meanwhile, and with what Docker has
   * against it.
   */
  async ready(networkId: string): Promise<void> {
    const plans = () => {
      const network = this.#state?.networks.get(networkId);
      const found = network ? bridgesOf(network) : [];
      if (found.length === 0) throw new Error(`this host has no slice of the network ${networkId}`);
      return found;
    };
    const isThere = () =>
      plans().every(
        (plan) => this.#bridges.has(plan) && this.#links.some(({ name }) => name === plan.bridge),
      );
    for (let tried = false; !isThere(); tried = true) {
      const [refused] = plans().flatMap((plan) => this.#bridges.refused(plan) ?? []);
      if (tried && refused) throw new Error(refused);
      if (this.#links.length > 0) await this.#wantBridges();
      this.#look.add('ip');
      this.#look.add('docker');
      await this.#runner.run();
    }
  }

  /**
   * Compares everything with the kernel now. Resolves, once all is as it should be, with what was not, in words
   * for people. Tries again until then; rejects when the data path is closed before.
   */
  async verify(): Promise<string[]> {
    this.#repairs.clear();
    for (const hint of everything) this.#look.add(hint);
    await this.#runner.run();
    return this.#repairs.found;
  }

  /** Largest packet of the device that has this host's address. Throws if none does. */
  underlay({ self }: NetworkState): number {
    return underlayMtu(this.#links, self.address);
  }

  /** By service id; what entered the service on this host. Rejects before there is any state in the kernel. */
  async counters(): Promise<Map<string, Traffic>> {
    if (!this.#applied) throw new Error('this agent has just started: it has not looked at its rules yet');
    return readTraffic(this.#applied);
  }

  /** This host's WireGuard key, for the other hosts. */
  get publicKey(): string {
    return this.#wireguard.publicKey;
  }

  /** When that key was made, ms since the epoch. */
  get keyMadeAt(): number {
    return this.#wireguard.madeAt;
  }

  /** Resolves when a new key is in use, or could not be put to use yet: `publicKey` tells. */
  async rotateKey(): Promise<void> {
    this.#wireguard.rotate();
    this.#look.add('ip');
    await this.#runner.run();
  }

  /** Why networks don't work on this host, in words for people; empty when all is well. */
  get trouble(): string {
    return [...this.#hostTroubles, this.#troubles.text, this.#bridges.trouble].filter(Boolean).join('; ');
  }

  async #reconcile(): Promise<void> {
    const state = this.#state;
    if (!state) {
      await clearWay(this.#needs);
      this.#troubles.clear(retrying);
      return;
    }
    const before = this.#applied;
    const look = this.#look;
    this.#look = new Set();
    const started = performance.now();
    try {
      // First: endpoints that leave must not wait for anything else.
      const table = await this.#table.ensure(planTable(state, this.#rules), { verify: look.has('nft') });
      await this.staleFlows.forget(state);
      await this.#forgetLedAway();
      const moved = !before || before.self !== state.self || before.peers !== state.peers;
      const lookAtIp = moved || before.networks !== state.networks || look.has('ip');
      const ip = lookAtIp ? await this.#ensureIp(state) : [];
      const docker = look.has('docker')
        ? await this.#troubles.attempt(
            "rules before Docker's: trying again",
            () => this.#dockerRules.ensure(),
            [],
          )
        : [];
      if (look.has('port')) await ensureHairpin(this.#bridgeNames());
      const settings = look.has('nft') && look.has('ip') ? await this.#ensureSettings() : [];
      // For a new state, routes and devices had to be changed anyway; at the start, everything.
      if (before) this.#repairs.note({ table, ip: before === state ? ip : [], docker, settings });
    } catch (error) {
      for (const hint of look) this.#look.add(hint);
      throw error;
    }
    if (look.has('nft') && look.has('ip')) {
      this.#verifiedAt = performance.now();
      this.#verifyEveryMs = Math.max(verifyMs, (this.#verifiedAt - started) * verifyShare);
    }
    this.#applied = state;
    this.#troubles.clear(retrying);
  }

  /** Returns the settings that somebody had changed. */
  async #ensureSettings(): Promise<readonly string[]> {
    const { troubles, changes } = await ensureHostSettings();
    for (const trouble of troubles) if (!this.#hostTroubles.includes(trouble)) this.#log.error(trouble);
    this.#hostTroubles = troubles;
    return changes;
  }

  /** Services may have got connections to these ports before the needs were known, or from an earlier agent. */
  async #forgetLedAway(): Promise<void> {
    const needs = this.#needs;
    if (needs === this.#cleared) return;
    await this.staleFlows.forgetLedAway(needs.ports.keys());
    this.#cleared = needs;
  }

  #bridgeNames(): string[] {
    return this.#links.map(({ name }) => name).filter((name) => name.startsWith(bridgePrefix));
  }

  /** Returns what had to be changed, but for what belongs to new devices. */
  async #ensureIp(state: NetworkState): Promise<string[]> {
    const before = new Set(this.#links.map(({ name }) => name));
    const { links, changes } = await ensureIp(state, [...this.#needs.addresses.keys()], (found, underlay) =>
      // Without it, encrypted networks don't work, but all others do.
      this.#troubles.attempt(
        'encrypted networks do not work',
        () => this.#wireguard.ensure(state, found, underlay),
        [],
      ),
    );
    this.#links = links;
    // Not waited for: the daemon may be slow, and a new device is noticed when it comes.
    this.#wantBridges().catch(() => {});
    return withoutNewDevices(changes, before);
  }

  #wantBridges(): Promise<void> {
    const state = this.#state;
    if (!state) return Promise.resolve();
    const underlay = underlayMtu(this.#links, state.self.address);
    return this.#bridges.want(
      [...state.networks.values()].flatMap((network) => bridgesOf(network, networkMtu(network, underlay))),
    );
  }

  #hint(hint: Hint): void {
    this.#look.add(hint);
    this.#hintTimer ??= setTimeout(() => {
      this.#hintTimer = undefined;
      this.#runner.hint();
    }, hintMs);
  }

  #tick(): void {
    if (!this.#state) return;
    this.#look.add('port');
    if (this.#silentDocker) this.#look.add('docker');
    if (performance.now() - this.#verifiedAt > this.#verifyEveryMs)
      for (const hint of everything) this.#look.add(hint);
    this.#runner.hint();
  }
}
