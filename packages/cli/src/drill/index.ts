export { planLines, plannedAs, predict } from './plan.ts';
export { play } from './play.ts';
export { clusterOf, stageOf } from './where.ts';
