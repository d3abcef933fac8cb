export { freePort, ManagerProcess } from './manager-process.ts';
