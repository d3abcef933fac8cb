import type { IncomingMessage, ServerResponse } from 'node:http';
import { maxApiVersion } from './http/index.ts';

const message =
  'this manager does not lead at the moment, it is loading the state of the cluster: nothing was changed, try again in a moment';

/** Answers while this manager does not lead: an error as Docker's clients read it; to `/healthz`, that the process lives. */
export function serveNotLeading(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/healthz') {
    response.writeHead(200, { 'Content-Type': 'text/plain' }).end('ok');
    return;
  }
  response
    .writeHead(503, {
      'Content-Type': 'application/json',
      'Api-Version': maxApiVersion,
      Ostype: 'linux',
      'Retry-After': '1',
    })
    .end(JSON.stringify({ message }));
}
