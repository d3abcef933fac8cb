export { adopt } from './adopt.ts';
export { canaryStage } from './canary.ts';
export { excusedSlots } from './excused-slots.ts';
export { dueIn, overdueIn } from './progress.ts';
export {
  applyFailureAction,
  beginUpdate,
  endUpdate,
  failureOf,
  firstFailure,
  pauseUpdate,
  pickSlots,
} from './rollout.ts';
export { isSameTemplate } from './template.ts';
export {
  isCurrent,
  isFit,
  isHalted,
  isUpdating,
  needsUpdate,
  progressOf,
  targetOf,
  taskToReplace,
  underWayText,
  withReason,
} from './update-state.ts';
