export { preemptionLoop } from './preemption-loop.ts';
export { rebalanceLoop } from './rebalance-loop.ts';
export { reliefLoop } from './relief-loop.ts';
