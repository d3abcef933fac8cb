export { rebalanceLoop } from './rebalancer.ts';
export { relieveLoop } from './reliever.ts';
