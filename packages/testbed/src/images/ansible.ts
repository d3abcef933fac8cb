import { ensureBaseImage } from './base-image.ts';
import { aptContext, layer } from './layers.ts';

/** Debian with Ansible; its name. */
export const buildAnsibleImage = async (): Promise<string> =>
  layer('ansible', await ensureBaseImage('bookworm'), await aptContext('bookworm'));
