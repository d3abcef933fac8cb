export { rebalanceLoop } from '../moves/rebalancer.ts';
export { relieveLoop } from '../moves/reliever.ts';
export { decideService } from './decide.ts';
export type { Decision, Facts } from './draft.ts';
export { type OrchestratorOptions, orchestratorLoop, reconcile } from './loop.ts';
export { currentTarget } from './new-task.ts';
export { type RestartRules, restartRules, type UpdateRules, updateRules } from './policy.ts';
export { adopt } from './update/adopt.ts';
export { isSameTemplate } from './update/template.ts';
