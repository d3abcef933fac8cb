export { silenceMessage } from './judge.ts';
export { type Liveness, startLiveness } from './liveness.ts';
