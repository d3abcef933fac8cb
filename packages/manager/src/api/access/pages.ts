import type { IncomingHttpHeaders } from 'node:http';
import { ApiError, type Door } from '../http/index.ts';

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Refuses what a web page elsewhere makes a browser send: browsers add a client's certificate by themselves, and on an
 * address in the clear nothing has to be added. Throws 403.
 */
export function refuseOtherPages(door: Door | undefined, { host = '', origin }: IncomingHttpHeaders): void {
  // A name that leads here may be a page's own, of whom the browser then believes that it asks itself.
  if (door === 'plain' && !loopback.test(host))
    throw new ApiError(403, `this address is for this host alone: ask it as 127.0.0.1, not as ${host}`);
  if (origin !== undefined && URL.parse(origin)?.host !== host)
    throw new ApiError(403, `refused: a web page of ${origin} asks, which is none of Shoal`);
}
