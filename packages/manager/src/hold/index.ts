export type { Differences } from './differences.ts';
export { endHold, type Hold, hold } from './hold.ts';
