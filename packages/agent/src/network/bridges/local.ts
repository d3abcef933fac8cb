import type * as proto from '@shoal/proto';

/** Bridge networks that each host has for itself, as `docker network create -d bridge` makes them. */
export interface LocalBridgeDriver {
  /** Makes the network if it is not there. Rejects when a network of that name belongs to someone else. */
  ensureLocal(network: proto.Network): Promise<void>;
  /** Removes those made by `ensureLocal` for other networks than these, unless containers are attached. */
  removeLocalBut(networkIds: ReadonlySet<string>): Promise<void>;
}

/** Makes them when the first task needs them, and drops them when the host has no task on them any more. */
export class LocalBridges {
  readonly #driver: LocalBridgeDriver;
  #wanted: ReadonlyMap<string, proto.Network> = new Map();
  #swept: ReadonlyMap<string, proto.Network> | undefined;

  constructor(driver: LocalBridgeDriver) {
    this.#driver = driver;
  }

  /** The networks of all kinds this host takes part in. */
  async want(networks: ReadonlyMap<string, proto.Network>): Promise<void> {
    this.#wanted = networks;
    if (networks === this.#swept) return;
    await this.#driver.removeLocalBut(new Set(networks.keys()));
    this.#swept = networks;
  }

  /** The name to attach containers to, or undefined when the network is none of these. */
  async ready(networkId: string): Promise<string | undefined> {
    const network = this.#wanted.get(networkId);
    if (network?.driver !== 'bridge') return undefined;
    await this.#driver.ensureLocal(network);
    return network.name;
  }
}
