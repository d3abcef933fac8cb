export { type Address, parseAddress } from './address.ts';
export { type Listening, listen } from './listen.ts';
export { apiNames, isName } from './names.ts';
export { readTls, type TlsFiles, type TlsMaterial } from './tls-files.ts';
