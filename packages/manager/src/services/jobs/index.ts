export { fillJob } from './fill-job.ts';
export { isOver, type JobRun, runOf } from './run.ts';
