export { buildApi } from './app.ts';
export type { ApiDeps } from './deps.ts';
export { listen } from './listen.ts';
