export { buildApi } from './app.ts';
export type { ApiDeps } from './http/index.ts';
export { listen, parseAddress, readTls, type TlsFiles } from './listen/index.ts';
