export { takesTasks } from './capacity.ts';
export { decideService } from './decide.ts';

export type { Decision, Snapshot } from './draft.ts';
export { nodeMatters, type OrchestratorOptions, orchestratorLoop, reconcile } from './loop.ts';
export { currentTarget, newTask, targetLike } from './new-task.ts';
export { moveOrder, taskTemplate, type UpdateRules, updateRules } from './policy.ts';
export { waitsOf } from './snapshot.ts';
export { byAge, displacement, isRunning, isUnassigned, type Nodes, standing } from './standing.ts';

export { adopt } from './update/adopt.ts';
export { isSameTemplate } from './update/template.ts';
export { underWayText } from './update/update-state.ts';
