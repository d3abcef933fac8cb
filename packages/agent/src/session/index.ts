export { bootId } from './boot.ts';
export { EventQueue } from './event-queue.ts';
export { Journal } from './journal.ts';
export { ManagerLink } from './link.ts';
