import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { ApiDeps } from '../deps.ts';
import { anything, query, route } from '../docs.ts';
import { badRequest } from '../errors.ts';

/** Node's timers bear no more. */
const longestMs = 2 ** 31 - 1;

interface Span {
  Querystring: { since?: string; until?: string };
}

/** There are no events yet: a stream that stays open and says nothing, for clients that listen beside other things. */
export function eventRoutes(app: FastifyInstance, { clock }: ApiDeps): void {
  const open = new Set<ServerResponse>();
  app.addHook('preClose', async () => {
    for (const stream of open) stream.end();
  });
  app.get<Span>(
    '/events',
    route({
      tag: 'System',
      summary: 'Stays open; events are not served yet',
      query: query({
        since: 'Seconds since the epoch',
        until: 'Seconds since the epoch: when the stream ends',
        filters: 'Taken as it is',
      }),
      answers: [200, anything('A stream without events')],
      errors: [400],
    }),
    async ({ query: { since, until } }, reply) => {
      const from = secondsOf('since', since);
      const to = secondsOf('until', until);
      if (from !== undefined && to !== undefined && to < from) {
        throw badRequest(`\`since\` time (${since}) cannot be after \`until\` time (${until})`);
      }
      reply.hijack();
      const stream = reply.raw;
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) stream.setHeader(name, value);
      }
      stream.writeHead(200, { 'Content-Type': 'application/json' });
      stream.flushHeaders();
      open.add(stream);
      const endsInMs = to === undefined ? longestMs : Math.min(to * 1_000 - clock(), longestMs);
      const timer = setTimeout(() => stream.end(), endsInMs);
      stream.once('close', () => {
        clearTimeout(timer);
        open.delete(stream);
      });
    },
  );
}

/** A time as clients send it; undefined when it is not given. Throws 400. */
function secondsOf(name: string, text: string | undefined): number | undefined {
  if (!text) return undefined;
  const seconds = Number(text);
  if (!Number.isFinite(seconds)) {
    throw badRequest(`invalid value for '${name}': "${text}" is not a number of seconds since the epoch`);
  }
  return seconds;
}
