/**
 * What the kernel of this host should do for the cluster's networks. The manager sends it; everything in this folder makes
 * the host agree with it, from any state.
 */
export interface NetworkState {
  /** This host, as a peer of the others. */
  readonly self: Peer;
  /** The other hosts that this host exchanges traffic with, by node id. */
  readonly peers: ReadonlyMap<string, Peer>;
  /** Networks this host takes part in, by id: it runs a task there, or it forwards published ports (ingress). */
  readonly networks: ReadonlyMap<string, Network>;
  /** Services reachable from this host's containers, or through its published ports, by service id. */
  readonly services: ReadonlyMap<string, ServiceEndpoints>;
}

export interface Peer {
  readonly nodeId: string;
  /** Small and unique in the cluster (1 … 65,535): the host's address and MAC inside the overlay derive from it. */
  readonly number: number;
  /** The host's address on the underlay, IPv4. */
  readonly address: string;
  /** WireGuard public key, base64; none or empty until the host has told it. */
  readonly key?: string;
}

export interface Network {
  readonly id: string;
  readonly name: string;
  /** Small and unique in the cluster; names of devices and chains derive from it. */
  readonly number: number;
  /**
   * All addresses of the network, IPv4 CIDR. Containers see a whole subnet as their link, as in Swarm; each has
   * one bridge on a host. A container reaches the network's further subnets by its default gateway only.
   */
  readonly subnets: readonly string[];
  /**
   * This host's parts of it, CIDR, each inside a subnet; the first address of a subnet's first slice is the
   * gateway. Docker itself hands out addresses of that first slice only: those of further ones are asked for by
   * address. None: this host only forwards there.
   */
  readonly slices: readonly string[];
  /** Parts of other hosts. */
  readonly peerSlices: readonly { readonly nodeId: string; readonly slices: readonly string[] }[];
  /** No way out of the network. */
  readonly internal: boolean;
  /** Traffic between hosts goes through WireGuard. */
  readonly encrypted: boolean;
  /** 0: what the underlay allows. */
  readonly mtu: number;
}

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface ServiceEndpoints {
  readonly id: string;
  readonly name: string;
  /** `com.docker.stack.namespace`, for names like `web.shop`; empty without a stack. */
  readonly stack: string;
  readonly mode: 'vip' | 'dnsrr';
  /** Which endpoint a connection goes to: any, or always the same one for the same client address. */
  readonly balance: 'random' | 'source-hash';
  /** One per network of the service. */
  readonly attachments: readonly {
    readonly networkId: string;
    /** In a subnet of the network, outside of all slices. Empty with `dnsrr`. */
    readonly vip: string;
    /** More names of the service on this network. */
    readonly aliases: readonly string[];
  }[];
  /** Tasks that may get traffic: observed running (healthy) and not about to stop. */
  readonly endpoints: readonly Endpoint[];
  /** Ports answered on every host. */
  readonly published: readonly {
    readonly protocol: Protocol;
    readonly published: number;
    readonly target: number;
  }[];
}

export interface Endpoint {
  readonly taskId: string;
  /** `web.1`; for a global service `web.NODEID`. */
  readonly taskName: string;
  readonly nodeId: string;
  /** The task's address by network id. */
  readonly addresses: Readonly<Record<string, string>>;
}

/** The network that published ports travel on; every host takes part in it. */
export const ingressName = 'ingress';

/** Whether traffic of some of the networks is encrypted. */
export const hasEncrypted = ({ networks }: Pick<NetworkState, 'networks'>): boolean =>
  [...networks.values()].some(({ encrypted }) => encrypted);
