import { query } from './run.ts';

/** A network device of this host. */
export interface PresentLink {
  readonly name: string;
  readonly index: number;
  readonly kind: string;
  readonly mtu: number;
  readonly mac: string;
  readonly up: boolean;
  /** Bridge that it is a port of; empty without. */
  readonly master: string;
  /** IPv4, with prefix. */
  readonly addresses: readonly string[];
  /** Zeros and empty texts in devices of other kinds. */
  readonly vxlan: {
    readonly vni: number;
    readonly local: string;
    readonly port: number;
    /** Device that its packets leave by; empty for whatever leads there. */
    readonly lower: string;
    /** It learns from received frames where their senders are. */
    readonly learning: boolean;
  };
}

/** Of what `ip -json -details address` prints, the fields we look at. */
interface Listed {
  readonly ifname: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly address?: string;
  readonly flags?: readonly string[];
  readonly master?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: {
      readonly id?: number | string;
      readonly local?: string;
      readonly port?: number;
      readonly link?: string;
      readonly learning?: boolean;
    };
  };
  readonly addr_info?: readonly {
    readonly family?: string;
    readonly local?: string;
    readonly prefixlen?: number;
  }[];
}

export async function readLinks(): Promise<PresentLink[]> {
  return (await query<Listed>('ip', ['-details', 'address', 'show'])).map(toLink);
}

export function toLink({ linkinfo = {}, addr_info = [], ...link }: Listed): PresentLink {
  const { info_kind: kind = '', info_data: data = {} } = linkinfo;
  return {
    name: link.ifname,
    index: link.ifindex,
    kind,
    mtu: link.mtu,
    mac: link.address ?? '',
    up: link.flags?.includes('UP') ?? false,
    master: link.master ?? '',
    addresses: addr_info
      .filter(({ family }) => family === 'inet')
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    vxlan:
      kind === 'vxlan'
        ? {
            vni: Number(data.id),
            local: data.local ?? '',
            port: data.port ?? 0,
            lower: data.link ?? '',
            learning: data.learning ?? false,
          }
        : { vni: 0, local: '', port: 0, lower: '', learning: false },
  };
}
