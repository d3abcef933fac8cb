export { Assignments, type ObjectsFor } from './assignments.ts';
