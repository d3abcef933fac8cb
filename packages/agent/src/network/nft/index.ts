export { type HostRules, usualRules } from './base-rules.ts';
export { readTraffic, type Traffic } from './counters.ts';
export { planTable } from './desired.ts';
export { type Change, type PresentTable, renderChanges } from './diff.ts';
export { DockerRules, isSilent } from './docker-rules.ts';
export { readPresent, TableKeeper } from './keeper.ts';
export { removeRules } from './remove.ts';
export { readTcpTimeouts } from './tcp-timeouts.ts';
