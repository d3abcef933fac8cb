export { bootId } from './boot.ts';
export { Journal, newSecret } from './journal.ts';
export { ManagerLink } from './link.ts';
