export { allocatorLoop, prepareNetworks } from './loop.ts';
export { addressConflict, closedNetworks, makeWay } from './make-way.ts';
export {
  NeededPortError,
  neededFor,
  neededPortConflicts,
  neededPorts,
  portsNeededEverywhere,
  unservedOf,
} from './needed-ports.ts';
export { allocateNetwork, OverlapError, PoolsUsedUpError } from './network.ts';
export { NoPortError, PortTakenError } from './ports.ts';
export { type Allocated, allocateService, NoAddressError } from './service.ts';
export { vipOwner } from './subnets.ts';
