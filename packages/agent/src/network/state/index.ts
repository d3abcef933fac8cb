export { type BridgePlan, bridgesOf } from './bridge-plan.ts';
export { heldPorts, withoutHeldPorts } from './held-ports.ts';
export {
  bridgePrefix,
  encryptedVni,
  encryptedVxlan,
  markMask,
  originMark,
  outboundMark,
  plainVni,
  plainVxlan,
  publishedMark,
  returnTable,
  routeProtocol,
  rulePriority,
  vxlanAddress,
  vxlanMac,
  vxlanOf,
  wireguardAddress,
  wireguardLink,
  wireguardRange,
} from './kernel-names.ts';
export { type NetworkObjects, NetworkStates, Remainders } from './network-states.ts';
export {
  type Endpoint,
  hasEncrypted,
  ingressName,
  type Network,
  type NetworkState,
  type Peer,
  type Protocol,
  type ServiceEndpoints,
} from './state.ts';
export { withoutUnfit } from './unfit.ts';
