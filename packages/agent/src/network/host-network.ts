import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Assignment,
  Listener,
  NetworkCheck,
  NetworkCheckQuery,
  NetworkCounters,
  NetworkHeard,
  Port,
  TaskAttachment,
  Underlay,
} from '@shoal/proto';
import { blockOf, covers, requireAddress } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import type { ObjectsFor } from '../assignments/index.ts';
import { Refused } from '../task/index.ts';
import { type BridgeDriver, type LocalBridgeDriver, LocalBridges } from './bridges/index.ts';
import { DataPath } from './datapath.ts';
import { containersOf, DnsServer, gatewaysOf, HostResolvers, type LocalContainer } from './dns/index.ts';
import { KeyRotation } from './encryption/index.ts';
import { drained, withdrawn } from './flows/index.ts';
import { checkNames, checkReach, checkWays, heard } from './insight/index.ts';
import { coveredBy, NeedsWatch, type NeedsWatchOptions, neededPort, withResolver } from './needs/index.ts';
import { mostSaid, OwnState } from './own-state.ts';
import { bridgesOf, type NetworkState } from './state/index.ts';

/** How long comparing everything with the kernel may take before a check goes on without it. */
const verifyWithinMs = 6_000;

/** How a container joins one of this host's Docker networks. */
export interface DockerAttachment {
  readonly network: string;
  /** Empty: as the daemon likes. */
  readonly address: string;
  /** Where it asks for names; empty where Docker itself knows them. */
  readonly gateway: string;
  readonly driverOpts: Readonly<Record<string, string>>;
}

export interface HostNetworkOptions
  extends Pick<NeedsWatchOptions, 'manager' | 'advertiseAddr' | 'probePort' | 'runsManager'> {
  readonly bridges: BridgeDriver & LocalBridgeDriver;
  readonly stateDir: string;
  /** Ids of this host's tasks that must get no traffic, as of now. */
  readonly unfit: () => ReadonlySet<string>;
  /** Ports that something on the host itself listens on, as `tcp/22`, as of now. */
  readonly held: () => ReadonlySet<string>;
  /** A session with the manager is up. */
  readonly connected: () => boolean;
  /** That manager tells hosts nothing for the time being. */
  readonly onHold: () => boolean;
  /** `publicKey` may be another one now. */
  readonly onKey: () => void;
  /** `underlay` may be another one now. */
  readonly onUnderlay: () => void;
  readonly log: Logger;
}

/** The cluster's networks on this host: the data path in the kernel, names, and the way of containers into them. */
export class HostNetwork {
  readonly #dataPath: DataPath;
  readonly #bridges: LocalBridges;
  readonly #driver: BridgeDriver;
  readonly #dns: DnsServer;
  readonly #resolvers = new HostResolvers();
  readonly #log: Logger;
  readonly #keys: KeyRotation;
  readonly #needs: NeedsWatch;
  /** This host's containers by their addresses, whether they are endpoints or not. */
  #containers: ReadonlyMap<string, LocalContainer> = new Map();
  readonly #own: OwnState;

  constructor({
    bridges,
    stateDir,
    unfit,
    held,
    connected,
    onHold,
    onKey,
    onUnderlay,
    log,
    ...host
  }: HostNetworkOptions) {
    this.#log = log.child({ component: 'network' });
    this.#own = new OwnState({ unfit, held, log: this.#log });
    this.#needs = new NeedsWatch({
      ...host,
      stateDir,
      resolvers: () => this.#resolvers.servers.map(({ address }) => address),
      connected,
      onChange: () => {
        onUnderlay();
        // Tries until it succeeds, or is closed.
        this.#put().catch(() => {});
      },
      log: this.#log,
    });
    this.#bridges = new LocalBridges(bridges);
    this.#driver = bridges;
    this.#dataPath = new DataPath({ bridges, stateDir, log });
    this.#keys = new KeyRotation({
      view: () => ({ publicKey: this.publicKey, state: this.#own.state, isTold: connected() && !onHold() }),
      madeAt: () => this.#dataPath.keyMadeAt,
      rotate: () => this.#dataPath.rotateKey(),
      announce: onKey,
      clock: Date.now,
      random: Math.random,
      log: this.#log,
    });
    this.#dns = new DnsServer({
      random: Math.random,
      clock: Date.now,
      log: this.#log,
      upstreams: (source) => this.#containers.get(source)?.nameservers ?? this.#resolvers.servers,
      networksOf: (address) => this.#containers.get(address)?.networkIds,
    });
  }

  async start(): Promise<void> {
    await Promise.all([this.#dataPath.start(), this.#needs.start()]);
    this.#keys.start();
  }

  /** What is in the kernel stays: traffic goes on. */
  async close(): Promise<void> {
    this.#keys.close();
    this.#needs.close();
    this.#dataPath.close();
    this.#resolvers.close();
    await this.#dns.close();
  }

  /** The Docker daemon is gone; until it is `found` again, no network counts as ready. */
  daemonLost(): void {
    this.#dataPath.daemonLost();
  }

  daemonFound(): void {
    this.#dataPath.daemonFound();
  }

  /** WireGuard key of this host, for the others; empty when it has none. */
  get publicKey(): string {
    return this.#dataPath.publicKey;
  }

  /** HOST:PORT at which to try the manager now. */
  get manager(): string {
    return this.#needs.manager;
  }

  /** For the manager: what no network of the cluster should cover. */
  get underlay(): Underlay {
    return this.#needs.underlay;
  }

  /** What listens on this host, for the manager: also its resolver. */
  withResolver(listeners: readonly Listener[]): Listener[] {
    return withResolver(listeners, this.#needs.needs);
  }

  /** Resolves once these assignments, or newer ones, are in the kernel. */
  async apply(objects: ObjectsFor<'network' | 'tasks'>, nodeId: string): Promise<void> {
    this.#containers = containersOf(objects.task);
    this.#bridges.want(objects.network).catch((err) => this.#log.warn({ err }, 'bridge networks stay'));
    this.#own.told(objects, nodeId);
    await this.#put();
  }

  /**
   * Tasks of this host became fit or unfit, or something else listens here now: rules and names follow, with or without the
   * manager.
   */
  refresh(): void {
    if (!this.#own.isStale(this.#needs.needs)) return;
    // Tries until it succeeds, or is closed.
    this.#put().catch(() => {});
  }

  async #put(): Promise<void> {
    const { needs, untracked, probes } = this.#needs;
    const state = this.#own.derive(needs);
    if (!state) return await this.#dataPath.clearWay(needs);
    this.#dns.update(state);
    this.#dns.listenOn(gatewaysOf(state)).catch((err) => this.#log.error({ err }, 'names are not served'));
    await this.#dataPath.apply(state, { needs, untracked, probes });
  }

  /**
   * The Docker networks for a task's addresses, once they are there. Rejects when this host has no part of one; with
   * Refused when a network or a port of the task would cut this host off.
   */
  async attach(attachments: readonly TaskAttachment[], ports: readonly Port[]): Promise<DockerAttachment[]> {
    const { needs } = this.#needs;
    for (const { networkId } of attachments) {
      const network = this.#own.network(networkId);
      refuse(network && coveredBy(network, needs));
    }
    for (const port of ports) refuse(neededPort(port, needs));
    return await Promise.all(
      attachments.map(async ({ networkId, address, driverOpts }) => {
        const bridge = await this.#bridges.ready(networkId);
        if (bridge !== undefined) return { network: bridge, address: '', gateway: '', driverOpts };
        await this.#dataPath.ready(networkId);
        const network = this.#own.state?.networks.get(networkId);
        const value = requireAddress(address);
        const plan =
          network &&
          bridgesOf(network).find(({ subnet }) => covers(blockOf(subnet), { base: value, prefix: 32 }));
        if (!plan)
          throw new Error(`this host has no part of network ${network?.name ?? networkId} with ${address}`);
        return { network: plan.name, address, gateway: plan.gateway, driverOpts };
      }),
    );
  }

  /** What went into services on this host. */
  async counters(): Promise<NetworkCounters> {
    const traffic = await this.#dataPath.counters();
    return { services: [...traffic].map(([serviceId, counted]) => ({ serviceId, ...counted })) };
  }

  /** How networks are on this host, and the way to others. Takes 6 s at most. Rejects before there are any. */
  async check(query: NetworkCheckQuery): Promise<NetworkCheck> {
    const state = this.#known();
    const [repaired, names, ways, reach] = await Promise.all([
      this.#verify(),
      checkNames(state),
      checkWays(state, query, this.#dataPath.underlay(state)),
      checkReach({
        state: () => this.#known(),
        query,
        processOn: async (name) => (await this.#driver.attached(name, 1))[0]?.pid,
      }),
    ]);
    const late = repaired
      ? ''
      : `the rules and routes could not be compared with what they should be within ${verifyWithinMs / 1000} s: the host is very busy, or its tools hang`;
    const trouble = [this.#dataPath.trouble, ...this.#own.leftOut.slice(0, mostSaid)]
      .filter(Boolean)
      .join('; ');
    return {
      trouble: trouble || late,
      repaired: repaired ?? [],
      names,
      ways,
      reach: reach.checks,
      untried: reach.untried,
      reachTrouble: reach.trouble,
    };
  }

  /** Whose echo requests of a check came here. */
  async heard(probe: number): Promise<NetworkHeard> {
    return heard(this.#known(), probe);
  }

  #known(): NetworkState {
    const { state } = this.#own;
    if (!state) throw new Error('this host has not been told of any network yet');
    return state;
  }

  /** Undefined when it takes too long: it is tried again and again, and `trouble` says why. */
  #verify(): Promise<string[] | undefined> {
    const done = this.#dataPath.verify();
    done.catch(() => {});
    return Promise.race([done, sleep(verifyWithinMs, undefined, { ref: false })]);
  }

  /**
   * Waits until no host gives a task traffic any more, but no longer than `ms`. Goes by what the manager told: what this host
   * knows by itself, the others don't.
   */
  withdrawn({ taskId, serviceId }: Pick<Assignment, 'taskId' | 'serviceId'>, ms: number): Promise<void> {
    const endpoints = () => this.#own.whole?.services.get(serviceId)?.endpoints;
    return withdrawn(() => endpoints()?.some((each) => each.taskId === taskId) ?? false, ms);
  }

  /**
   * Waits until nobody holds a connection to these addresses any more, but no longer than `ms`, and has the closed ones
   * forgotten: then their container may stop.
   */
  async drain(attachments: readonly TaskAttachment[], ms: number): Promise<void> {
    // On a network that each host has for itself, the daemon chose the address.
    const addresses = attachments.map(({ address }) => address).filter((address) => address !== '');
    await drained(addresses, ms);
    await this.#dataPath.staleFlows.forgetClosed(addresses);
  }
}

function refuse(reason: string | undefined): void {
  if (reason) throw new Refused('other', `${reason} (this host would cut itself off)`);
}
