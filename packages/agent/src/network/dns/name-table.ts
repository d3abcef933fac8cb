import { type Block, blockOf, holds } from '@shoal/proto/rules';
import { ingressName, type Network, type NetworkState, type ServiceEndpoints } from '../state/index.ts';
import { type Answer, answer, type Question } from './answer.ts';
import { type Member, memberOf, type TaskAddress, Zone } from './zone.ts';

export type NetworkIds = readonly string[];
/** Uniform in [0, 1). */
export type Random = () => number;

interface Placed {
  readonly service: ServiceEndpoints;
  readonly members: readonly { readonly networkId: string; readonly member: Member }[];
}

/**
 * All names that containers of this host may ask for. Follows the network state by what changed in it:
 * objects of the state that are the same as before cost one comparison each.
 */
export class NameTable {
  readonly #random: Random;
  readonly #zones = new Map<string, Zone>();
  readonly #services = new Map<string, Placed>();
  #networks: ReadonlyMap<string, Network> = new Map();
  #subnets: readonly (Block & { readonly networkId: string })[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  update({ networks, services }: Pick<NetworkState, 'networks' | 'services'>): void {
    if (networks !== this.#networks) this.#setNetworks(networks);
    for (const [id, { service }] of this.#services) if (services.get(id) !== service) this.#remove(id);
    for (const service of services.values()) if (!this.#services.has(service.id)) this.#add(service);
  }

  /**
   * Addresses come in random order. `networkIds` are the asker's; the ingress network has no names, and
   * networks that this host does not take part in give none.
   */
  answer(question: Question, networkIds: NetworkIds): Answer {
    const zones = this.#zonesOf(networkIds);
    const given = answer(question, zones, (address) => this.networkAt(address) !== undefined);
    if (given.kind !== 'addresses' || given.addresses.length < 2) return given;
    return { ...given, addresses: shuffled(given.addresses, this.#random) };
  }

  /** The network that an address belongs to, on this host or another. */
  networkAt(address: number): string | undefined {
    return this.#subnets.find((subnet) => holds(subnet, address))?.networkId;
  }

  /** The task that has an address on a network, as far as it gets traffic. */
  taskAt(networkId: string, address: number): TaskAddress | undefined {
    return this.#zones.get(networkId)?.taskAt(address);
  }

  #setNetworks(networks: ReadonlyMap<string, Network>): void {
    for (const id of this.#networks.keys()) {
      const zone = this.#zones.get(id);
      if (!zone || networks.has(id)) continue;
      zone.network = undefined;
      if (zone.isEmpty) this.#zones.delete(id);
    }
    for (const network of networks.values()) this.#zone(network.id).network = network;
    this.#networks = networks;
    this.#subnets = [...networks.values()].flatMap(({ id, subnets }) =>
      subnets.map((cidr) => ({ ...blockOf(cidr), networkId: id })),
    );
  }

  #add(service: ServiceEndpoints): void {
    const members = service.attachments.map((attachment) => {
      const member = memberOf(service, attachment);
      this.#zone(attachment.networkId).add(member);
      return { networkId: attachment.networkId, member };
    });
    this.#services.set(service.id, { service, members });
  }

  #remove(serviceId: string): void {
    for (const { networkId, member } of this.#services.get(serviceId)?.members ?? []) {
      const zone = this.#zone(networkId);
      zone.remove(member);
      if (zone.isEmpty && !zone.network) this.#zones.delete(networkId);
    }
    this.#services.delete(serviceId);
  }

  #zone(networkId: string): Zone {
    const zone = this.#zones.get(networkId) ?? new Zone();
    this.#zones.set(networkId, zone);
    return zone;
  }

  /** By the networks' names, as Docker does: an asker gets the same answer whichever network it asks through. */
  #zonesOf(networkIds: NetworkIds): Zone[] {
    const zones: Zone[] = [];
    for (const id of networkIds) {
      const zone = this.#zones.get(id);
      if (zone?.network && zone.network.name !== ingressName) zones.push(zone);
    }
    return zones.length < 2 ? zones : zones.sort(byNetworkName);
  }
}

function byNetworkName({ network: a }: Zone, { network: b }: Zone): number {
  if (!a || !b || a.name === b.name) return (a?.id ?? '') < (b?.id ?? '') ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

function shuffled<T>(all: readonly T[], random: Random): T[] {
  const result = [...all];
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    const [a, b] = [result[index], result[other]];
    if (a === undefined || b === undefined) continue;
    result[index] = b;
    result[other] = a;
  }
  return result;
}
