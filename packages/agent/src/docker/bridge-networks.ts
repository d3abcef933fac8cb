import type * as proto from '@shoal/proto';
import Docker from 'dockerode';
import {
  type BridgeDriver,
  type BridgePlan,
  bridgeOption,
  bridgeOptions,
  type DaemonFacts,
  type DockerBridge,
  type LocalBridgeDriver,
} from '../network/bridges/index.ts';
import { Refused } from '../task/index.ts';
import { refusal, statusCodeOf } from './errors.ts';

/** The network's id in the cluster, on the Docker networks that hold its slices. */
export const networkLabel = 'shoal.network';
/** The same, on networks that hold no slice: each host has them for itself. */
export const localLabel = 'shoal.network.local';
const timeoutMs = 15_000;

const within = () => ({ abortSignal: AbortSignal.timeout(timeoutMs) });

/** The types of dockerode know no options of these two; it takes them all the same. */
interface Informed {
  info(options: object): Promise<{
    readonly ServerVersion?: string;
    readonly SecurityOptions?: readonly string[] | null;
    readonly FirewallBackend?: { readonly Driver?: string } | null;
  }>;
}
interface Inspectable {
  inspect(options: object): Promise<{
    readonly Containers?: Readonly<Record<string, { readonly IPv4Address?: string }>>;
  }>;
}

/** Bridge networks of this host's Docker daemon. */
export class BridgeNetworks implements BridgeDriver, LocalBridgeDriver {
  readonly #docker: Docker;

  constructor(socketPath: string) {
    this.#docker = new Docker({ socketPath });
  }

  async facts(): Promise<DaemonFacts> {
    const docker = this.#docker as unknown as Informed;
    const info = await docker.info(within());
    return {
      version: info.ServerVersion ?? '',
      firewall: info.FirewallBackend?.Driver ?? '',
      rootless: info.SecurityOptions?.some((option) => option.includes('name=rootless')) ?? false,
    };
  }

  async list(): Promise<DockerBridge[]> {
    const networks = await this.#docker.listNetworks({ filters: { label: [networkLabel] }, ...within() });
    return networks.map(({ Name, IPAM, Options, Labels, Internal }) => {
      const { Subnet = '', IPRange = '', Gateway = '' } = (IPAM?.Config?.[0] ?? {}) as Record<string, string>;
      return {
        name: Name,
        bridge: Options?.[bridgeOption] ?? '',
        subnet: Subnet,
        range: IPRange,
        gateway: Gateway,
        networkId: Labels?.[networkLabel] ?? '',
        options: Options ?? {},
        internal: Internal,
      };
    });
  }

  async create(plan: BridgePlan, options: Readonly<Record<string, string>>): Promise<void> {
    const { name, subnet, range, gateway } = plan;
    const network = {
      Name: name,
      Driver: 'bridge',
      // Docker allows two networks of one name, which nothing could tell apart.
      CheckDuplicate: true,
      IPAM: { Driver: 'default', Config: [{ Subnet: subnet, IPRange: range, Gateway: gateway }] },
      Options: bridgeOptions(plan, options),
      Labels: { [networkLabel]: plan.networkId },
      ...within(),
    };
    try {
      await this.#docker.createNetwork(network);
    } catch (error) {
      throw refusal(error);
    }
  }

  async ensureLocal(network: proto.Network): Promise<void> {
    const [found] = await this.#docker.listNetworks({
      filters: { name: [`^${network.name}$`] },
      ...within(),
    });
    if (found?.Labels?.[localLabel] === network.id) return;
    if (found)
      throw new Refused(
        'other',
        `this host has a network ${network.name} that is not the cluster's: remove or rename it`,
      );
    const Config = network.ipamConfig === '' ? [] : JSON.parse(network.ipamConfig);
    await this.#docker.createNetwork({
      Name: network.name,
      Driver: 'bridge',
      CheckDuplicate: true,
      Internal: network.internal,
      ...(Config.length > 0 && { IPAM: { Driver: 'default', Config } }),
      Options: network.options,
      Labels: { [localLabel]: network.id },
      ...within(),
    });
  }

  async removeLocalBut(networkIds: ReadonlySet<string>): Promise<void> {
    const found = await this.#docker.listNetworks({ filters: { label: [localLabel] }, ...within() });
    for (const { Name, Labels } of found)
      if (!networkIds.has(Labels?.[localLabel] ?? '')) await this.remove(Name);
  }

  async remove(name: string): Promise<boolean> {
    try {
      await this.#docker.getNetwork(name).remove(within());
      return true;
    } catch (error) {
      const code = statusCodeOf(error);
      if (code === 404) return true;
      // Endpoints are active: 403 in all versions so far.
      if (code === 403 || code === 409) return false;
      throw error;
    }
  }

  async idle(name: string): Promise<boolean> {
    const status = ['created', 'running', 'paused', 'restarting'];
    const found = await this.#docker.listContainers({
      all: true,
      filters: { network: [name], status },
      ...within(),
    });
    return found.length === 0;
  }

  async attached(name: string, most?: number): Promise<{ pid: number; address: string }[]> {
    const network = this.#docker.getNetwork(name) as unknown as Inspectable;
    const { Containers = {} } = await network.inspect(within());
    return Promise.all(
      Object.entries(Containers)
        .slice(0, most)
        .map(async ([id, { IPv4Address = '' }]) => ({
          pid: (await this.#docker.getContainer(id).inspect(within())).State.Pid,
          address: IPv4Address.split('/')[0] ?? '',
        })),
    );
  }
}
