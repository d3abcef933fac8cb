import { sealingKeyBytes } from './seal.ts';

/** As Swarm writes them (swarmkit manager/encryption, HumanReadableKey): base64 without padding. */
const prefix = 'SWMKEY-1-';

export const formatUnlockKey = (key: Uint8Array): string =>
  prefix + Buffer.from(key).toString('base64').replace(/=+$/, '');

/** Undefined for what is none. */
export function parseUnlockKey(text: string): Buffer | undefined {
  if (!text.startsWith(prefix)) return undefined;
  const key = Buffer.from(text.slice(prefix.length), 'base64');
  return key.length === sealingKeyBytes && formatUnlockKey(key) === text ? key : undefined;
}
