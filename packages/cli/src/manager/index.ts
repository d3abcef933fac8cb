export { type Manager, managerAt } from './manager.ts';
export { namedManager, refuseDaemon } from './named.ts';
