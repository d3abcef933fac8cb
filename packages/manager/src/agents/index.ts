export { AgentServer } from './server.ts';
export type { Tunnel } from './tunnels.ts';
