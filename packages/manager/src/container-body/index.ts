export { containerBody } from './body.ts';
export { memoryReservation } from './limits.ts';
export { endpointOptions, type NewerField, newerFields } from './newer-fields.ts';
