export * from './cluster.ts';
export * from './common.ts';
export * from './container-spec.ts';
export * from './network.ts';
export * from './node.ts';
export * from './service.ts';
export * from './task.ts';
export * from './task-state.ts';
