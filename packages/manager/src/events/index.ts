export { takeContainerEvents } from './container-events.ts';
export { mostKept } from './log.ts';
export { recordEvents } from './of-change.ts';
export { mostInBatch, Pace } from './pace.ts';
