export { takesTasks } from './capacity.ts';
export { isOver, type JobRun, runOf } from './jobs/index.ts';
export { nodeMatters, type OrchestratorOptions, orchestratorLoop, reconcile } from './loop.ts';
export { currentTarget, secondTask } from './new-task.ts';
export { moveOrder, taskTemplate, type UpdateRules, updateRules } from './policy.ts';
export { byAge, isRunning, isUnassigned, type Nodes, presenceOf, whyMustLeave } from './presence.ts';
export { waitsOf } from './snapshot.ts';
export { adopt, isCurrent, isHalted, isSameTemplate, isUpdating, underWayText } from './update/index.ts';
