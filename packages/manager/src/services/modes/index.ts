export { globalPlaces } from './global.ts';
export { replicatedPlaces } from './replicated.ts';
