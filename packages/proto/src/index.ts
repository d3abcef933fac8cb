export * from './create-body.ts';
export * from './gen/shoal/v1/agent.ts';
export * from './host-probe.ts';
export * from './kinds.ts';
export * from './owner-only.ts';
export * from './states.ts';
// Instead of the generated ones.
export { TunnelsClient, TunnelsService } from './tunnel-frames.ts';
export * from './tunnel-stream.ts';

/**
 * Raised when an old agent and a new manager could not understand each other. What is only added needs no other one: both leave
 * out what they do not know. Managers are upgraded first, and speak the protocol of the release before, too.
 */
export const protocolVersion = 4;
/** The oldest that managers speak. */
export const oldestProtocol = 4;
