export { type Api, buildApi } from './app.ts';
export type { ApiDeps } from './http/index.ts';
export { type Listening, listen, parseAddress, readTls, type TlsFiles } from './listen/index.ts';
export { serveNotLeading } from './not-leading.ts';
