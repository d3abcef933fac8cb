export { type BridgePlan, bridgesOf } from './bridge-plan.ts';
export { heldPorts, withoutHeldPorts } from './held-ports.ts';
export {
  bridgePrefix,
  markMask,
  originMark,
  outboundMark,
  plainTunnel,
  plainVni,
  publishedMark,
  returnTable,
  routeProtocol,
  rulePriority,
  sealedTunnel,
  sealedVni,
  tunnelAddress,
  tunnelMac,
  wireguardAddress,
  wireguardLink,
  wireguardRange,
} from './kernel-names.ts';
export { type NetworkObjects, NetworkStates, Remainders } from './network-states.ts';
export {
  type Endpoint,
  ingressName,
  isSealed,
  type Network,
  type NetworkState,
  type Peer,
  type Protocol,
  type ServiceEndpoints,
} from './state.ts';
export { withoutUnfit } from './unfit.ts';
