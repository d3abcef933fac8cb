import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isoTime } from '../../effects.ts';
import { isObject } from '../../field-path.ts';
import { query, route } from '../docs/index.ts';
import { type ApiDeps, ApiError, badRequest } from '../http/index.ts';
import { forecastPath, roleFor } from './roles.ts';

const longestName = 128;
const mostShown = 10_000;

/**
 * Writes down who changed what, before the answer goes out: what a role above viewer is needed for, unless it only reads;
 * the join tokens and the unlock key when they are read; and what somebody known was refused. While it can't be written, nothing may be changed.
 */
export function auditChanges(
  app: FastifyInstance,
  { audit, timeOfDay, log }: Pick<ApiDeps, 'audit' | 'timeOfDay' | 'log'>,
): void {
  let trouble: string | undefined;
  app.addHook('preHandler', async (request) => {
    if (trouble !== undefined && isChange(request))
      throw new ApiError(503, `nothing may be changed while the audit can not be written: ${trouble}`);
  });
  app.addHook('onSend', async (request, reply) => {
    const { user, ip, method, url } = request;
    if (!user || !(isChange(request) || reply.statusCode === 403)) return;
    const name = nameIn(request.body);
    try {
      await audit.append({
        at: isoTime(timeOfDay()),
        user: user.name,
        role: user.role,
        via: user.via,
        from: user.via === 'socket' ? '' : ip,
        method,
        path: url.split('?')[0] ?? '',
        ...(name !== undefined && { name }),
        status: reply.statusCode,
      });
      trouble = undefined;
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
      log.error({ err: error }, 'the audit can not be written: nothing may be changed meanwhile');
    }
  });
}

function isChange({ method, routeOptions: { url = '' } }: FastifyRequest): boolean {
  const needed = roleFor(method, url);
  if (needed !== 'operator' && needed !== 'admin') return false;
  if (method === 'GET' || method === 'HEAD') return url === '/swarm' || url === '/swarm/unlockkey';
  return url !== forecastPath;
}

function nameIn(body: unknown): string | undefined {
  const name = isObject(body) ? (body.Name ?? body.name) : undefined;
  return typeof name === 'string' && name !== '' ? name.slice(0, longestName) : undefined;
}

const record = Type.Object({
  number: Type.Integer(),
  at: Type.String(),
  user: Type.String(),
  role: Type.String(),
  via: Type.String({ description: 'socket, loopback, certificate or token' }),
  from: Type.String({ description: 'IP address; empty for the socket' }),
  method: Type.String(),
  path: Type.String(),
  name: Type.Optional(Type.String({ description: 'Of what was asked for, where the path has none' })),
  status: Type.Integer(),
  before: Type.String({ description: 'Hash of the record before' }),
  hash: Type.String(),
});

const verdict = Type.Object({
  ok: Type.Boolean(),
  records: Type.Integer(),
  first: Type.Integer({ description: 'Number of the oldest record that is kept' }),
  head: Type.Object({ number: Type.Integer(), hash: Type.String() }),
  flaws: Type.Array(Type.String()),
});

export function auditRoutes(app: FastifyInstance, { audit }: ApiDeps): void {
  app.get<{ Querystring: { tail?: string } }>(
    '/shoal/v1/audit',
    route({
      tag: 'Shoal',
      summary: 'Who changed what by this API',
      query: query({ tail: `So many of the last records, 100 by default, ${mostShown} at most` }),
      answers: [200, Type.Array(record)],
      errors: [400],
    }),
    async ({ query: { tail = '100' } }) => {
      const count = Number(tail);
      if (!Number.isInteger(count) || count < 1 || count > mostShown)
        throw badRequest(`tail: expected a number from 1 to ${mostShown}`);
      return audit.tail(count);
    },
  );
  app.get(
    '/shoal/v1/audit/verify',
    route({
      tag: 'Shoal',
      summary: 'Whether each record of the audit follows the one before it',
      description:
        'Reads all that is kept. `head` is what to write down elsewhere, if one day somebody should prove it.',
      answers: [200, verdict],
    }),
    async () => audit.verify(),
  );
}
