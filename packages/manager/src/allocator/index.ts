export { allocatorLoop, prepareNetworks } from './loop.ts';
export { OverlapError, PoolsUsedUpError, planNetwork } from './plan.ts';
export { NoPortError, PortTakenError } from './ports.ts';
export { NoAddressError, type Settled, settleService } from './settle.ts';
