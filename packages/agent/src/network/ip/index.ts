export { diffBridgeStates } from './bridge-states.ts';
export type { Entry } from './entries.ts';
export { ensureHostSettings } from './host-settings.ts';
export { ensureIp } from './keeper.ts';
export { ensureHairpin } from './ports.ts';
export { readEntries } from './read-entries.ts';
