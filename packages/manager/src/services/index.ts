export { takesTasks } from './capacity.ts';
export { nodeMatters, type OrchestratorOptions, orchestratorLoop, reconcile } from './loop.ts';
export { currentTarget, secondTask } from './new-task.ts';
export { moveOrder, taskTemplate, type UpdateRules, updateRules } from './policy.ts';
export { waitsOf } from './snapshot.ts';
export { byAge, displacement, isRunning, isUnassigned, type Nodes, standing } from './standing.ts';
export { adopt, isCurrent, isHalted, isSameTemplate, isUpdating } from './update/index.ts';
