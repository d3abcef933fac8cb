import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { anything, route } from '../docs/index.ts';
import type { ApiDeps } from '../http/index.ts';
import { clusterOf, infoView, versionView } from './cluster-info.ts';

const tag = 'System';
const text = (description: string) => Type.String({ description });

export function systemRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/_ping',
    ...route({ tag, summary: 'Is somebody there, and what API version', answers: [200, text('OK')] }),
    handler: async (_request, reply) => {
      reply
        .header('Cache-Control', 'no-cache, no-store, must-revalidate')
        .header('Pragma', 'no-cache')
        .header('Swarm', 'active/manager')
        .type('text/plain; charset=utf-8');
      return 'OK';
    },
  });
  app.get(
    '/version',
    route({ tag, summary: 'Versions of Shoal and its API', answers: [200, anything('Versions')] }),
    async () => versionView(deps),
  );
  app.get(
    '/info',
    route({
      tag,
      summary: 'The whole cluster as if it were one Docker host',
      answers: [200, anything('Facts and sums over all nodes')],
      errors: [503],
    }),
    async () => infoView(deps.store.view, deps),
  );
  app.get(
    '/healthz',
    route({ tag: 'Shoal', summary: 'The process answers', answers: [200, text('ok')] }),
    async (_request, reply) => reply.type('text/plain').send('ok'),
  );
  app.get(
    '/readyz',
    route({ tag: 'Shoal', summary: 'The manager can be used', answers: [200, text('ok')], errors: [503] }),
    async (_request, reply) => {
      clusterOf(deps.store.view);
      return reply.type('text/plain').send('ok');
    },
  );
}
