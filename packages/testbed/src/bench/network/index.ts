export { answering } from './answering.ts';
export { even } from './even.ts';
export { lost } from './lost.ts';
export { requests } from './requests.ts';
export { NETWORK } from './services.ts';
export { bySize } from './sizes.ts';
export { throughput } from './throughput.ts';
