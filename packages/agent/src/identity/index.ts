export { NotAdmitted, secureOptions } from './ask.ts';
export { Identity, type IdentityOptions } from './identity.ts';
export { makeKeyApart } from './make-key-apart.ts';
