export { buildApi } from './app.ts';
export type { ApiDeps } from './deps.ts';
export { listen, parseAddress, readTls, type TlsFiles } from './listen/index.ts';
