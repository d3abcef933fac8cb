export type { Ask } from './ask.ts';
export { checkKinds } from './checks.ts';
export { examineNetworks, type Findings } from './doctor.ts';
export { explain } from './explain.ts';
export { type JobReport, jobReport } from './jobs.ts';
export { memoryUse } from './memory-use.ts';
export { type NetworkTraffic, networkTraffic, noTraffic } from './traffic.ts';
