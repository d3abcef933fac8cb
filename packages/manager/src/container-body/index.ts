export { containerBody } from './body.ts';
export { expanded } from './expand.ts';
export { memoryReservation } from './limits.ts';
export { endpointOptions, type NewerField, newerFields } from './newer-fields.ts';
export { contentOf, expandedPayload, isTemplate, type Open } from './payload.ts';
export { type Surroundings, surroundingsOf } from './surroundings.ts';
