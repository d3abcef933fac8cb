import { vxlanOverhead, vxlanPort, wireguardOverhead } from '@shoal/proto/rules';
import type { PresentLink } from '../kernel/index.ts';
import {
  isSealed,
  type NetworkState,
  plainTunnel,
  plainVni,
  sealedTunnel,
  sealedVni,
  tunnelMac,
  wireguardAddress,
  wireguardLink,
} from '../state/index.ts';

/** A tunnel device. Encrypted networks have one of their own, whose packets go through WireGuard. */
export interface Tunnel {
  readonly name: string;
  readonly vni: number;
  /** Address that its packets come from. */
  readonly local: string;
  /** Device that they leave by; empty for whatever leads there. */
  readonly lower: string;
  readonly mac: string;
  readonly mtu: number;
}

/** `mtu`: the underlay's. */
export function desiredTunnels(state: NetworkState, mtu: number): Tunnel[] {
  const { number, address } = state.self;
  const mac = tunnelMac(number);
  const plain = {
    name: plainTunnel,
    vni: plainVni,
    local: address,
    lower: '',
    mac,
    mtu: mtu - vxlanOverhead,
  };
  const sealed = {
    name: sealedTunnel,
    vni: sealedVni,
    local: wireguardAddress(number),
    lower: wireguardLink,
    mac,
    mtu: mtu - wireguardOverhead - vxlanOverhead,
  };
  return isSealed(state) ? [plain, sealed] : [plain];
}

/** Lines for `ip -batch` that make the tunnels what they shall be. */
export function diffTunnels(present: readonly PresentLink[], desired: readonly Tunnel[]): string[] {
  const ours = present.filter(({ name }) => name === plainTunnel || name === sealedTunnel);
  const gone = ours.filter(({ name }) => !desired.some((tunnel) => tunnel.name === name));
  return [
    ...gone.map(({ name }) => `link del dev ${name}`),
    ...desired.flatMap((tunnel) =>
      changeTunnel(
        ours.find(({ name }) => name === tunnel.name),
        tunnel,
      ),
    ),
  ];
}

function changeTunnel(present: PresentLink | undefined, tunnel: Tunnel): string[] {
  const { name, vni, local, lower, mac, mtu } = tunnel;
  const same = present && isSame(present, tunnel);
  if (same)
    return [
      ...(present.mtu === mtu ? [] : [`link set dev ${name} mtu ${mtu}`]),
      ...(present.master === '' ? [] : [`link set dev ${name} nomaster`]),
      ...(present.up ? [] : [`link set dev ${name} up`]),
    ];
  const way = lower ? `dev ${lower} ` : '';
  return [
    ...(present ? [`link del dev ${name}`] : []),
    `link add ${name} mtu ${mtu} address ${mac} type vxlan id ${vni} ${way}dstport ${vxlanPort} local ${local} nolearning`,
    `link set dev ${name} up`,
  ];
}

const isSame = ({ kind, vxlan, mac }: PresentLink, tunnel: Tunnel) =>
  kind === 'vxlan' &&
  mac === tunnel.mac &&
  vxlan.vni === tunnel.vni &&
  vxlan.local === tunnel.local &&
  vxlan.port === vxlanPort &&
  vxlan.lower === tunnel.lower &&
  !vxlan.learning;
