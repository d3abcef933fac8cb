export { replicasOf } from './replicated.ts';
