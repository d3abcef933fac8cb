export { Balancer, type Move } from './better-place.ts';
export { ClusterState } from './cluster-state.ts';
export {
  type Constraint,
  ConstraintError,
  isEligible,
  nodeField,
  nodeMatches,
  parseConstraints,
} from './constraints.ts';
export { knowsField } from './docker-version.ts';
export { explainTask, type FilterVerdict, type NodeExplanation, type TaskExplanation } from './explain.ts';
export { failureWindowMs } from './failures.ts';
export { contestable } from './filters/index.ts';
export { leftBehindText } from './left-behind.ts';
export { placePending, type SchedulerLoopOptions, schedulerLoop } from './loop.ts';
export { type Preemption, preemptions } from './preempt.ts';
export { loadOf, occupies } from './task-load.ts';
