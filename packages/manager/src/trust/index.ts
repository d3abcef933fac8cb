export { type ApiCertificate, apiCertificate } from './api-certificate.ts';
export { Authority, type Credentials } from './authority.ts';
export { BadRequest, type Name, requestedKey } from './certificates.ts';
export { type Peer, peerOf, Untrusted } from './peer.ts';
export { notRotated, trustedRoots, withoutFormer } from './rotation.ts';
export { rotationLoop } from './rotation-loop.ts';
export {
  keyFromPassphrase,
  SealBroken,
  saltBytes,
  sealingKeyBytes,
} from './seal.ts';
export { sealAgain, sealFormer } from './seal-again.ts';
export { type KeyPlace, Locked, type Opener, Vault } from './vault.ts';
