export { type Address, parseAddress } from './address.ts';
export { closeServersWith, listen } from './listen.ts';
export { readTls, type TlsFiles, type TlsMaterial } from './tls-files.ts';
