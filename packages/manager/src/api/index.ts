export { type Api, buildApi } from './app.ts';
export type { ApiDeps } from './http/index.ts';
export {
  apiNames,
  isName,
  type Listening,
  listen,
  parseAddress,
  readTls,
  type TlsFiles,
  type TlsMaterial,
} from './listen/index.ts';
export { buildLockedApi } from './locked.ts';
export { serveNotLeading } from './not-leading.ts';
