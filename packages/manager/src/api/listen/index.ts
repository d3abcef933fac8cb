export { type Address, parseAddress } from './address.ts';
export { type Listening, listen } from './listen.ts';
export { readTls, type TlsFiles, type TlsMaterial } from './tls-files.ts';
