export { type Api, buildApi } from './app.ts';
export type { ApiDeps } from './http/index.ts';
export { type Listening, listen } from './listen.ts';
export { serveNotLeading } from './not-leading.ts';
