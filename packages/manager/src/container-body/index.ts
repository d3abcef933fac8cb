export { containerBody } from './body.ts';
export { memoryReservation } from './limits.ts';
