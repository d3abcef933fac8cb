export type { BridgeDriver, DockerBridge } from './bridges.ts';
export type { DaemonFacts } from './docker-support.ts';
export type { LocalBridgeDriver } from './local.ts';
export { type BridgePlan, bridgeOption, bridgeOptions } from './plan.ts';
