export type { BridgePlan } from '../state/index.ts';
export { type BridgeDriver, Bridges, type DockerBridge } from './bridges.ts';
export { type DaemonFacts, daemonSupport } from './docker-support.ts';
export { type LocalBridgeDriver, LocalBridges } from './local.ts';
export { bridgeOption, bridgeOptions } from './options.ts';
