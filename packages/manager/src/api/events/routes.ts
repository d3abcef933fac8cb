import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { mostKept } from '../../events/index.ts';
import { type Event, logMark } from '../../model/index.ts';
import { anything, filtersParam, query, route } from '../docs/index.ts';
import { type ApiDeps, badRequest, parseFilters, Streams } from '../http/index.ts';
import { eventFilters, eventView, matchesEvent } from './view.ts';

/** A client that reads more slowly than events come is cut off: they would pile up here. */
const mostUnreadBytes = 1024 * 1024;
/** The longest time that a timer of Node.js takes. */
const longestMs = 2 ** 31 - 1;

interface Asked {
  Querystring: { since?: string; until?: string; filters?: string };
}

/** `docker events`: one JSON object a line, as long as the client listens. */
export function eventRoutes(app: FastifyInstance, { store, clock }: ApiDeps): void {
  const listeners = new Map<ServerResponse, (event: Event) => void>();
  const streams = new Streams(app);
  const unwatch = store.watch(({ changes }) => {
    if (listeners.size === 0) return;
    for (const { table, before, after } of changes)
      if (table === 'events' && after && !before) for (const tell of listeners.values()) tell(after);
  });
  app.addHook('preClose', async () => unwatch());
  app.get<Asked>(
    '/events',
    route({
      tag: 'System',
      summary: 'What happens in the cluster and to its containers on all hosts, as it happens',
      description: `One JSON object a line. \`since\` gives past events besides, of which the last ${mostKept} are kept.`,
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
      const from = nanosecondsOf('since', since);
      const to = nanosecondsOf('until', until);
      if (from !== undefined && to !== undefined && to < from) {
        throw badRequest(`\`since\` time (${since}) cannot be after \`until\` time (${until})`);
      }
      const stream = streams.begin(reply, 'application/json');
      const tell = (event: Event) => {
        if (isOver(stream) || !matchesEvent(wanted, event, store.view)) return;
        if (stream.writableLength > mostUnreadBytes) stream.destroy();
        else stream.write(`${JSON.stringify(eventView(event))}\n`);
      };
      const newest = () => store.view.eventMarks.get(logMark)?.count ?? 0;
      let next = from === undefined ? newest() + 1 : Math.max(1, newest() - mostKept + 1);
      // What happens while this waits for the client is in the log as well.
      while (next <= newest() && !isOver(stream)) {
        const event = store.view.events.get(String(next++));
        // The log has gone on without a client that reads so slowly.
        if (!event) stream.destroy();
        else if (isWithin(event, from, to)) tell(event);
        if (stream.writableNeedDrain) await readOrGone(stream);
      }
      if (isOver(stream)) return;
      const endsInMs = to === undefined ? longestMs : Math.min(Number(to / 1_000_000n) - clock(), longestMs);
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

const isOver = (stream: ServerResponse): boolean => stream.destroyed || stream.writableEnded;

/** Resolves when the client has read what was written, or never will. */
function readOrGone(stream: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => {
    stream.off('drain', done).off('close', done);
    resolve();
  };
  stream.on('drain', done).on('close', done);
  return promise;
}

function isWithin({ atUs }: Event, from = 0n, to: bigint | undefined = undefined): boolean {
  const at = BigInt(atUs) * 1_000n;
  return at >= from && (to === undefined || at <= to);
}

/** A time as Docker's clients send it, `1767225600.000000001`, in ns since the epoch; undefined when it is not given. Throws 400. */
function nanosecondsOf(name: string, text: string | undefined): bigint | undefined {
  if (!text) return undefined;
  const [, seconds = '', fraction = ''] = /^(\d{1,12})(?:\.(\d{0,20}))?$/.exec(text) ?? [];
  if (!seconds) {
    throw badRequest(
      `invalid value for '${name}': "${text}" is not a number of seconds since the epoch, such as 1767225600.5`,
    );
  }
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
}
