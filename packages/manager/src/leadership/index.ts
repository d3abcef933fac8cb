export { beginTerm } from './term.ts';
