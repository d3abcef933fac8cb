export { globalSlots } from './global.ts';
export { replicatedSlots } from './replicated.ts';
