export { buildApi } from './app.ts';
export type { ApiDeps } from './deps.ts';
export { type Listening, listen } from './listen.ts';
