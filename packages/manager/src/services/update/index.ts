export { adopt } from './adopt.ts';
export { excusedSlots } from './excused-slots.ts';
export { applyFailureAction, beginUpdate, endUpdate, firstFailure, pickSlots } from './rollout.ts';
export { isSameTemplate } from './template.ts';
export {
  isCurrent,
  isHalted,
  isUpdating,
  needsUpdate,
  progressOf,
  targetOf,
  taskToReplace,
  underWayText,
  withReason,
} from './update-state.ts';
