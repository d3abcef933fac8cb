export { bootId } from './boot.ts';
export { Journal } from './journal.ts';
export { ManagerLink } from './link.ts';
