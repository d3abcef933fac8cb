export { Balancer, type Move } from './better-place.ts';
export { ClusterState } from './cluster-state.ts';
export {
  type Constraint,
  ConstraintError,
  isEligible,
  nodeMatches,
  parseConstraints,
} from './constraints.ts';
export { explainTask, type FilterVerdict, type NodeExplanation, type TaskExplanation } from './explain.ts';
export { placePending, type SchedulerLoopOptions, schedulerLoop } from './loop.ts';
