export * from './between-hosts.ts';
export * from './certificates.ts';
export * from './ipv4.ts';
export * from './names.ts';
export * from './reconnect.ts';
export * from './restart.ts';
export * from './task-states.ts';
export * from './timing.ts';
