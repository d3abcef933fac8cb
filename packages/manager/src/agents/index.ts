export { Dispatcher } from './server.ts';
