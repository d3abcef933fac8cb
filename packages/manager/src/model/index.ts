export {
  compareStates,
  type DesiredState,
  isTerminal,
  type TaskState,
  taskStates,
} from '@shoal/proto/rules';
export * from './canary-labels.ts';
export * from './cluster.ts';
export * from './common.ts';
export * from './container-spec.ts';
export * from './cron.ts';
export * from './depends-on.ts';
export * from './event.ts';
export * from './flapping.ts';
export * from './host-access.ts';
export * from './job.ts';
export * from './known-labels.ts';
export * from './labels.ts';
export * from './listeners.ts';
export * from './network.ts';
export * from './network-mode.ts';
export * from './node.ts';
export * from './payload.ts';
export * from './placement-labels.ts';
export * from './restart-rules.ts';
export * from './rollout-labels.ts';
export * from './sealed.ts';
export * from './service.ts';
export * from './swarm.ts';
export * from './task.ts';
export * from './task-status.ts';
export * from './token.ts';
export * from './volumes.ts';
export * from './wait.ts';
