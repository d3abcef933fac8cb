export { containerBody } from './body.ts';
export { memoryReservation } from './limits.ts';
export { type NewerField, newerFields } from './newer-fields.ts';
