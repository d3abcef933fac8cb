import { vxlanOverhead, vxlanPort, wireguardOverhead } from '@shoal/proto/rules';
import type { PresentLink } from '../kernel/index.ts';
import {
  encryptedVni,
  encryptedVxlan,
  hasEncrypted,
  type NetworkState,
  plainVni,
  plainVxlan,
  vxlanMac,
  wireguardAddress,
  wireguardLink,
} from '../state/index.ts';

/** A VXLAN device. Encrypted networks have one of their own, whose packets go through WireGuard. */
export interface Vxlan {
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
export function desiredVxlans(state: NetworkState, mtu: number): Vxlan[] {
  const { number, address } = state.self;
  const mac = vxlanMac(number);
  const plain = {
    name: plainVxlan,
    vni: plainVni,
    local: address,
    lower: '',
    mac,
    mtu: mtu - vxlanOverhead,
  };
  const encrypted = {
    name: encryptedVxlan,
    vni: encryptedVni,
    local: wireguardAddress(number),
    lower: wireguardLink,
    mac,
    mtu: mtu - wireguardOverhead - vxlanOverhead,
  };
  return hasEncrypted(state) ? [plain, encrypted] : [plain];
}

/** Lines for `ip -batch` that make the VXLAN devices what they should be. */
export function diffVxlans(present: readonly PresentLink[], desired: readonly Vxlan[]): string[] {
  const ours = present.filter(({ name }) => name === plainVxlan || name === encryptedVxlan);
  const gone = ours.filter(({ name }) => !desired.some((device) => device.name === name));
  return [
    ...gone.map(({ name }) => `link del dev ${name}`),
    ...desired.flatMap((device) =>
      changeVxlan(
        ours.find(({ name }) => name === device.name),
        device,
      ),
    ),
  ];
}

function changeVxlan(present: PresentLink | undefined, device: Vxlan): string[] {
  const { name, vni, local, lower, mac, mtu } = device;
  const same = present && isSame(present, device);
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

const isSame = ({ kind, vxlan, mac }: PresentLink, device: Vxlan) =>
  kind === 'vxlan' &&
  mac === device.mac &&
  vxlan.vni === device.vni &&
  vxlan.local === device.local &&
  vxlan.port === vxlanPort &&
  vxlan.lower === device.lower &&
  !vxlan.learning;
