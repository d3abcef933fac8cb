import { request as ask, type IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { type DaemonRequest, TunnelBroken } from '@shoal/proto';

/** How long the daemon may take to begin its answer. */
const headMs = 15_000;

/** For now, the logs of a container. */
const allowed = /^\/containers\/([a-zA-Z0-9][a-zA-Z0-9_.-]*)(\/logs(?:\?[^#\s]*)?)$/;

/** The container that a request is about, and what follows it in the path. Throws TunnelBroken for what is not allowed. */
export function allowedPart({ method, path }: DaemonRequest): { container: string; rest: string } {
  const [, container, rest] = (method === 'GET' && allowed.exec(path)) || [];
  if (!container || !rest)
    throw new TunnelBroken(403, `this host's agent does not pass on ${method} ${path.split('?')[0]}`);
  return { container, rest };
}

/** Resolves with the head of the daemon's answer; `body` goes to it as it comes. The signal ends both. */
export function passOn(
  socketPath: string,
  { method, path, headers }: DaemonRequest,
  body: Readable,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = ask({ socketPath, method, path, headers, signal, agent: false });
    const late = setTimeout(
      () =>
        request.destroy(new TunnelBroken(504, `the Docker daemon did not answer within ${headMs / 1000} s`)),
      headMs,
    );
    request.once('close', () => clearTimeout(late));
    request.once('response', (answer) => {
      clearTimeout(late);
      resolve(answer);
    });
    request.on('error', reject);
    request.flushHeaders();
    body.pipe(request);
  });
}
