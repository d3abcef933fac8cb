export { type Liveness, startLiveness } from './liveness.ts';
export type { LivenessReport } from './report.ts';
