export { adopt } from './adopt.ts';
export { decideService } from './decide.ts';
export type { Decision, Facts } from './draft.ts';
export { type OrchestratorOptions, orchestratorLoop, reconcile } from './loop.ts';
export { currentTarget } from './new-task.ts';
export { type RestartRules, restartRules, type UpdateRules, updateRules } from './policy.ts';
export { rebalanceLoop } from './rebalancer.ts';
export { relieveLoop } from './reliever.ts';
export { isSameTemplate } from './template.ts';
