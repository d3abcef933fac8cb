export * from './create-body.ts';
export * from './gen/shoal/v1/agent.ts';
export * from './host-probe.ts';
export * from './kinds.ts';
export * from './owner-only.ts';
export { oldestProtocol, protocolVersion } from './rules/index.ts';
export * from './states.ts';
// Instead of the generated ones.
export { TunnelsClient, TunnelsService } from './tunnel-frames.ts';
export * from './tunnel-stream.ts';
