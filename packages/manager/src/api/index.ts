export { buildApi } from './app.ts';
export type { ApiDeps } from './http/index.ts';
export { listen } from './listen.ts';
