export { releaseHere, statusFacts } from './facts.ts';
export { statusScreen } from './screen.ts';
