import { customAlphabet } from 'nanoid';
import type { Ids } from './effects.ts';

/** Ids look like Swarm's: 25 characters of a–z and 0–9. */
export const newId: Ids = customAlphabet('0123456789abcdefghijklmnopqrstuvwxyz', 25);
