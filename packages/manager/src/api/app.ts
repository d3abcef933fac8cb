import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance, type RouteOptions } from 'fastify';
import { isObject } from '../field-path.ts';
import { auditChanges, auditRoutes, certificateRoutes, guard, roleFor, tokenRoutes } from './access/index.ts';
import { backupRoutes } from './backup/index.ts';
import { docsRoutes } from './docs/index.ts';
import { eventRoutes } from './events/index.ts';
import { forecastRoutes } from './forecast/index.ts';
import {
  type ApiDeps,
  acceptJson,
  checkVersion,
  describeSchemaErrors,
  dropQueryCopies,
  knownError,
  lateValidators,
  maxApiVersion,
  maxBodyBytes,
  stripVersion,
  tidy,
} from './http/index.ts';
import { logRoutes } from './logs/index.ts';
import { networkRoutes } from './networks/index.ts';
import { listenerRoutes, livenessRoutes, nodeRoutes } from './nodes/index.ts';
import { answerWithoutRoute } from './not-served.ts';
import { payloadRoutes } from './payloads/index.ts';
import { jobRoutes, serviceRoutes } from './services/index.ts';
import {
  distributionPath,
  distributionRoutes,
  doctorRoutes,
  reachedAt,
  swarmRoutes,
  systemRoutes,
} from './system/index.ts';
import { taskRoutes } from './tasks/index.ts';

export type Api = FastifyInstance;

/** Docker's Engine API over the cluster; its `routing` is what `listen` serves. */
export async function buildApi(deps: ApiDeps): Promise<Api> {
  const app = fastify({
    bodyLimit: maxBodyBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 1_000 },
    rewriteUrl: stripVersion,
    schemaErrorFormatter: describeSchemaErrors,
  });
  app.setValidatorCompiler(lateValidators());
  // Response schemas are documentation: an answer is never filtered through one.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  acceptJson(app);
  answerErrors(app, deps);

  app.addHook('onRequest', async (_request, reply) => {
    reply
      .header('Api-Version', maxApiVersion)
      .header('Docker-Experimental', 'false')
      .header('Ostype', 'linux')
      .header('Server', `Shoal/${deps.about.version} (linux)`)
      .header('X-Content-Type-Options', 'nosniff');
  });
  guard(app, deps);
  app.addHook('onRequest', async ({ raw }) => checkVersion(raw));
  auditChanges(app, deps);
  app.addHook('preValidation', async (request) => {
    const schema = request.routeOptions.schema;
    if (!schema?.body) return;
    dropQueryCopies(request.body, request.query, parametersOf(schema.querystring));
    request.body = tidy(schema.body, request.body ?? {});
  });
  app.addHook('onSend', async (_request, reply) => {
    // Go clients take an error's body for JSON only if the type is exactly this.
    if (String(reply.getHeader('Content-Type')).startsWith('application/json')) {
      reply.header('Content-Type', 'application/json');
    }
  });

  await app.register(swagger, openApi(deps));
  systemRoutes(app, deps);
  swarmRoutes(app, deps);
  eventRoutes(app, deps);
  nodeRoutes(app, deps);
  livenessRoutes(app, deps);
  listenerRoutes(app, deps);
  serviceRoutes(app, deps);
  jobRoutes(app, deps);
  taskRoutes(app, deps);
  logRoutes(app, deps);
  doctorRoutes(app, deps);
  forecastRoutes(app, deps);
  networkRoutes(app, deps);
  payloadRoutes(app, deps);
  distributionRoutes(app, deps);
  tokenRoutes(app, deps);
  certificateRoutes(app, deps);
  auditRoutes(app, deps);
  backupRoutes(app, deps);
  docsRoutes(app);
  await app.ready();
  return app;
}

const parametersOf = (querystring: unknown): string[] =>
  isObject(querystring) && isObject(querystring.properties) ? Object.keys(querystring.properties) : [];

function answerErrors(app: FastifyInstance, { log, store, about }: ApiDeps): void {
  app.setErrorHandler(async (error, request, reply) => {
    const known = knownError(error);
    // Without the query: some clients put whole specs into it.
    const [path] = request.url.split('?');
    if (!known) log.error({ err: error, method: request.method, path }, 'request failed');
    const message = known?.message ?? `internal error: ${error instanceof Error ? error.message : error}`;
    return reply.code(known?.status ?? 500).send({ message });
  });
  app.setNotFoundHandler(async ({ method, url }, reply) => {
    const body = answerWithoutRoute(method, url.split('?')[0] ?? '/', reachedAt(store.view, about));
    return reply.code(200).send(body);
  });
}

const openApi = ({ about }: ApiDeps) => ({
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Shoal',
      version: about.version,
      description:
        `Docker's Engine API (version ${maxApiVersion}) over a cluster of Docker hosts: point \`docker -H\`, a Docker ` +
        'client library or curl at it. Every path may be prefixed with a version, as in /v1.41/services. ' +
        'What Docker lacks is below /shoal/v1. `x-shoal-role` is the least role that may use a path.',
    },
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } as const } },
    tags: [
      { name: 'Services', description: 'What should run' },
      { name: 'Tasks', description: 'What does run, and where' },
      { name: 'Nodes', description: 'The hosts' },
      { name: 'Networks', description: 'What services reach each other on' },
      { name: 'Secrets', description: 'Files of containers that no host keeps on its disk' },
      { name: 'Configs', description: 'The same, for what is no secret' },
      { name: 'Distribution', description: 'Images in registries' },
      { name: 'System', description: 'The cluster as a whole' },
      { name: 'Shoal', description: "Beyond Docker's API" },
    ],
  },
  transform: ({ schema, url, route }: { schema: object; url: string; route: RouteOptions }) => ({
    schema: { ...schema, ...needs(roleFor([route.method].flat()[0] ?? '', url)) },
    url: url === distributionPath ? '/distribution/{name}/json' : url,
  }),
});

/** What the document says of who may use a route. */
const needs = (role: string | undefined) =>
  role === 'anyone' ? { security: [] } : { security: [{ bearer: [] }], 'x-shoal-role': role };
