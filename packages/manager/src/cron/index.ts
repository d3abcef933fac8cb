export { type CronLoopOptions, cronLoop } from './loop.ts';
