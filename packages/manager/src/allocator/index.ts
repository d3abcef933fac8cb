export { allocatorLoop, prepareNetworks } from './loop.ts';
export { closedNetworks, makeWay, trespass } from './make-way.ts';
export {
  NeededPortError,
  neededFor,
  neededPortConflicts,
  neededPorts,
  portsNeededEverywhere,
  unservedOf,
} from './needed-ports.ts';
export { OverlapError, PoolsUsedUpError, planNetwork } from './plan.ts';
export { NoPortError, PortTakenError } from './ports.ts';
export { NoAddressError, type Settled, settleService } from './settle.ts';
export { vipOwner } from './subnets.ts';
