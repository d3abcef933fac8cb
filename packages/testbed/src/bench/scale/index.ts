export { HostProcess, type Received } from './host-processes.ts';
export { coresOf, memoryOf } from './process-use.ts';
