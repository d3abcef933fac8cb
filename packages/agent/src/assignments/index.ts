export { Assignments, type Objects, type ObjectsFor } from './assignments.ts';
