export type { AgentEnd } from './agent-end.ts';
export type { Moved } from './bare.ts';
export type { ManagerEnd } from './manager-end.ts';
export { Child } from './talk.ts';
