export { checkNames } from './own-names.ts';
export { checkReach } from './reach.ts';
export { checkWays, heard } from './ways.ts';
