export { buildApi } from './app.ts';
export type { ApiDeps } from './http/index.ts';
export { apiNames, isName, listen, parseAddress, readTls, type TlsFiles } from './listen/index.ts';
