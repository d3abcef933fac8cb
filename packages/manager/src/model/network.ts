import { type Static, Type } from 'typebox';
import { object, opt, stringMap } from './schema.ts';

/** What `POST /networks/create` takes. */
export const NetworkSpec = object({
  Name: opt(Type.String()),
  CheckDuplicate: opt(Type.Boolean()),
  Driver: opt(Type.String()),
  Scope: opt(Type.String()),
  EnableIPv4: opt(Type.Boolean()),
  EnableIPv6: opt(Type.Boolean()),
  IPAM: opt(
    object({
      Driver: opt(Type.String()),
      Options: opt(stringMap),
      Config: opt(
        Type.Array(
          object({
            Subnet: opt(Type.String()),
            IPRange: opt(Type.String()),
            Gateway: opt(Type.String()),
            AuxiliaryAddresses: opt(stringMap),
          }),
        ),
      ),
    }),
  ),
  Internal: opt(Type.Boolean()),
  Attachable: opt(Type.Boolean()),
  Ingress: opt(Type.Boolean()),
  ConfigOnly: opt(Type.Boolean()),
  ConfigFrom: opt(object({ Network: opt(Type.String()) })),
  Options: opt(stringMap),
  Labels: opt(stringMap),
});
export type NetworkSpec = Static<typeof NetworkSpec>;

const mtuOptions = ['com.docker.network.driver.mtu', 'mtu'];

/** Bytes; 0 when the network takes what the hosts' links allow. */
export const mtuOf = ({ Options }: NetworkSpec): number =>
  Number(mtuOptions.map((name) => Options?.[name]).find((value) => value !== undefined) ?? 0);

/** Traffic between hosts is encrypted. Swarm takes the option's mere presence for a yes; here `false` is a no. */
export const isEncrypted = ({ Options }: NetworkSpec): boolean =>
  Options?.encrypted !== undefined && Options.encrypted !== 'false';

/** A part of a network: the addresses that one node's containers get, or (owner `vip`) the services' own. */
export interface Slice {
  readonly owner: string;
  readonly cidr: string;
  /** Since when nobody has an address of it (ms since the epoch): it is kept for a while, then given back. */
  readonly idleSince?: number;
}

/** A network as stored. Only drivers `overlay` and `bridge` are; the daemons' own are always there. */
export interface Network {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly Spec: NetworkSpec;
  readonly shoal: {
    /** Small and unique: names of devices on the hosts derive from it. */
    readonly number: number;
    readonly subnets: readonly string[];
    readonly slices: readonly Slice[];
    /** Slices of the subnets that hold these come only out of them (`--ip-range`). */
    readonly ranges?: readonly string[];
    /** Addresses that nobody gets (`--gateway`, `--aux-address`). */
    readonly reserved?: readonly string[];
    /** It may get further subnets from the pools: nobody named its subnet. */
    readonly grows: boolean;
    /** Hidden already; it disappears once nothing is attached to it. */
    readonly removing?: boolean;
  };
}

/** Where a service's tasks are attached. */
export interface ServiceAttachment {
  readonly networkId: string;
  /** The service's own address there; absent with endpoint mode `dnsrr`, and until one is allocated. */
  readonly vip?: string;
}

/** A task's place on one network. */
export interface TaskAttachment {
  readonly networkId: string;
  /** Without prefix length. Empty on networks of driver `bridge`: the host's daemon picks one. */
  readonly address: string;
}
