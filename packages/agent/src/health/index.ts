export { kernel } from './cgroup.ts';
export { FactWatch } from './fact-watch.ts';
export { PressureWatch } from './pressure-watch.ts';
export { ProbePort } from './probe-port.ts';
export { sample } from './sample.ts';
export { memoryUse } from './task-memory.ts';
