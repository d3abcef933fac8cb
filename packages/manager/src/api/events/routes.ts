import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { anything, filtersParam, query, route } from '../docs/index.ts';
import { type ApiDeps, badRequest, parseFilters, Streams } from '../http/index.ts';
import { type ClusterEvent, eventFilters, eventOf, matchesEvent } from './events.ts';

/** Past events kept, for clients that ask `since`; Docker's daemon keeps as many. */
const mostKept = 256;
/** A client that reads more slowly than events come is cut off: they would pile up here. */
const mostUnreadBytes = 1024 * 1024;
/** The longest time that a timer of Node.js takes. */
const longestMs = 2 ** 31 - 1;

interface Asked {
  Querystring: { since?: string; until?: string; filters?: string };
}

/** `docker events`: one JSON object a line, as long as the client listens. */
export function eventRoutes(app: FastifyInstance, { store, clock }: ApiDeps): void {
  const kept: ClusterEvent[] = [];
  const listeners = new Map<ServerResponse, (event: ClusterEvent) => void>();
  const streams = new Streams(app);
  const unwatch = store.watch(({ changes }) => {
    for (const change of changes) {
      const event = eventOf(change, clock());
      if (!event) continue;
      kept.push(event);
      if (kept.length > mostKept) kept.shift();
      for (const tell of listeners.values()) tell(event);
    }
  });
  app.addHook('preClose', async () => unwatch());
  app.get<Asked>(
    '/events',
    route({
      tag: 'System',
      summary: 'Changes of services, nodes and networks as they happen',
      description: `One JSON object a line. \`since\` gives the last ${mostKept} events of this manager besides.`,
      query: query({
        since: 'Seconds since the epoch: events from then on, too',
        until: 'Seconds since the epoch: when the stream ends',
        filters: filtersParam(eventFilters),
      }),
      answers: [200, anything('A stream of events')],
      errors: [400],
    }),
    async ({ query: { since, until, filters } }, reply) => {
      const wanted = parseFilters(filters, eventFilters);
      const from = millisecondsOf('since', since);
      const to = millisecondsOf('until', until);
      if (from !== undefined && to !== undefined && to < from) {
        throw badRequest(`\`since\` time (${since}) cannot be after \`until\` time (${until})`);
      }
      const stream = streams.begin(reply, 'application/json');
      const tell = (event: ClusterEvent) => {
        if (stream.destroyed || stream.writableEnded || !matchesEvent(wanted, event)) return;
        if (stream.writableLength > mostUnreadBytes) stream.destroy();
        else stream.write(`${JSON.stringify(event)}\n`);
      };
      const isAsked = ({ timeNano }: ClusterEvent) =>
        from !== undefined && timeNano >= from * 1e6 && timeNano <= (to ?? Infinity) * 1e6;
      for (const event of kept) if (isAsked(event)) tell(event);
      const endsInMs = to === undefined ? longestMs : Math.min(to - clock(), longestMs);
      if (endsInMs <= 0) {
        stream.end();
        return;
      }
      listeners.set(stream, tell);
      const timer = setTimeout(() => stream.end(), endsInMs);
      stream.once('close', () => {
        clearTimeout(timer);
        listeners.delete(stream);
      });
    },
  );
}

/** A time as clients send it, in ms since the epoch; undefined when it is not given. Throws 400. */
function millisecondsOf(name: string, text: string | undefined): number | undefined {
  if (!text) return undefined;
  const seconds = Number(text);
  if (!Number.isFinite(seconds)) {
    throw badRequest(`invalid value for '${name}': "${text}" is not a number of seconds since the epoch`);
  }
  return seconds * 1_000;
}
