export { adopt } from './adopt.ts';
export { overtaken } from './overtaken.ts';
export { beginUpdate, endUpdate, firstFailure, judgeUpdate, pickPlaces } from './rollout.ts';
export { isSameTemplate } from './template.ts';
export { atStake, isCurrent, isDirty, isHalted, isUpdating, targetOf, withReason } from './update-state.ts';
