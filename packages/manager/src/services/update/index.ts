export { isCurrent, isHalted, isUpdating } from './update-state.ts';
