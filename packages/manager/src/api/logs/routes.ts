import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Service, Task } from '../../model/index.ts';
import { anything, idParam, query, route } from '../docs/index.ts';
import { type ApiDeps, badRequest, compareVersions, isTrue, Streams, versionOf } from '../http/index.ts';
import { findService, findTask, isVisible } from '../objects/index.ts';
import type { Wanted } from './container-logs.ts';
import { LogReader, type LogsAsked } from './reader.ts';

const multiplexed = 'application/vnd.docker.multiplexed-stream';
const raw = 'application/vnd.docker.raw-stream';
const multiplexedSince = '1.42';

interface Query {
  stdout?: string;
  stderr?: string;
  follow?: string;
  timestamps?: string;
  details?: string;
  since?: string;
  until?: string;
  tail?: string;
}
interface Asked {
  Params: { id: string };
  Querystring: Query;
}
type Request = FastifyRequest<Asked>;

/** `docker service logs`, of a service or a task. */
export function logRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { store, log } = deps;
  const streams = new Streams(app);

  async function answer(
    { query: asked, raw: request }: Request,
    reply: FastifyReply,
    hasTty: boolean,
    which: Pick<LogsAsked, 'tasks' | 'includes' | 'isGone'>,
  ): Promise<void> {
    const wanted = wantedOf(asked);
    const shown = { timestamps: isTrue(asked.timestamps), details: wanted.details, bare: hasTty };
    const isMultiplexed = !hasTty && compareVersions(versionOf(request), multiplexedSince) >= 0;
    const out = streams.begin(reply, isMultiplexed ? multiplexed : raw);
    new LogReader(deps, { wanted, shown, ...which }, out).run().catch((error: unknown) => {
      log.error({ err: error, url: request.url }, 'logs broke off');
      out.destroy();
    });
  }

  app.get<Asked>(
    '/services/:id/logs',
    doc('Services', 'Logs of all tasks of a service'),
    async (request, reply) => {
      const service = findService(store.view, request.params.id);
      await answer(request, reply, isTty(service.Spec.TaskTemplate), {
        tasks: store.view.tasks.by('service', service.ID),
        includes: ({ ServiceID }: Task) => ServiceID === service.ID,
        isGone: () => !isVisible(store.view.services.get(service.ID)),
      });
    },
  );
  app.get<Asked>('/tasks/:id/logs', doc('Tasks', 'Logs of one task'), async (request, reply) => {
    const task = findTask(store.view, request.params.id);
    await answer(request, reply, isTty(task.Spec), {
      tasks: [task],
      includes: ({ ID }: Task) => ID === task.ID,
      isGone: () => !store.view.tasks.get(task.ID),
    });
  });
}

const isTty = (spec: Service['Spec']['TaskTemplate']): boolean => spec?.ContainerSpec?.TTY === true;

const doc = (tag: string, summary: string) =>
  route({
    tag,
    summary,
    description:
      "Lines of all hosts in order of time, framed as Docker's API frames them, or bare for what has a TTY. A host that " +
      'does not answer is named in a line on stderr.',
    params: idParam,
    query: query({
      stdout: 'true: what was written to stdout; this or stderr has to be asked for',
      stderr: 'true: what was written to stderr',
      follow: 'true: go on with what is written from now on, of tasks that start later too',
      timestamps: 'true: each line begins with its time',
      details: 'true: ids of node, service and task before each line',
      since: 'Seconds since the epoch: only lines from then on',
      until: 'Seconds since the epoch: only lines up to then',
      tail: 'Only so many lines of each task, from the end; or all',
    }),
    answers: [200, anything('A stream of lines')],
    errors: [400, 404],
  });

function wantedOf(asked: Query): Wanted {
  const [stdout, stderr] = [isTrue(asked.stdout), isTrue(asked.stderr)];
  if (!stdout && !stderr) throw badRequest("must specify at least one of 'stdout' or 'stderr'");
  return {
    stdout,
    stderr,
    follow: isTrue(asked.follow),
    details: isTrue(asked.details),
    since: timeOf('since', asked.since),
    until: timeOf('until', asked.until),
    tail: tailOf(asked.tail),
  };
}

function timeOf(name: string, value = ''): string {
  if (value === '' || /^\d{1,11}(\.\d{1,9})?$/.test(value)) return value === '0' ? '' : value;
  throw badRequest(`invalid value for '${name}': "${value}" is not a number of seconds since the epoch`);
}

function tailOf(value = ''): string {
  if (value === '' || value === 'all') return 'all';
  if (/^-\d+$/.test(value)) throw badRequest('negative tail values not supported');
  if (/^\d{1,9}$/.test(value)) return value;
  throw badRequest('tail value must be a positive integer or "all"');
}
