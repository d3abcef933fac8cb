export { type Address, parseAddress } from './address.ts';
export { closeServersWith, listen } from './listen.ts';
export { apiNames, isName } from './names.ts';
export { readTls, type TlsFiles, type TlsMaterial } from './tls-files.ts';
