import { ensureBaseImage } from './base-image.ts';
import { aptContext, layer } from './layers.ts';

/** Debian with Docker's Python client; its name. */
export const buildDockerPyImage = async (): Promise<string> =>
  layer('docker-py', await ensureBaseImage('bookworm'), await aptContext('bookworm'));
