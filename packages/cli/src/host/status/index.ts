export { releaseHere, statusFacts } from './facts.ts';
export { holdLines, type RestoreState, restoreState } from './hold.ts';
export { statusScreen } from './screen.ts';
