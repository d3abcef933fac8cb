export { playRound, REPLICAS } from './round.ts';
export { KINDS, type Kind, lines, type Round, swarmLines } from './rounds.ts';
export { playSwarm, type SwarmRound } from './swarm.ts';
